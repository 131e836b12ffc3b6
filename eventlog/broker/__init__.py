"""The broker: the log over TCP, in the Kafka wire protocol, from one asyncio process."""
