"""The verbs that run processes."""

from __future__ import annotations

from cyclopts import App

from gputail.broker_options import BrokerOptions
from gputail.process_options import ProcessOptions

broker_app = App(name="broker", help="Serve a log to Kafka clients.")
_AS_IS = ProcessOptions()


@broker_app.default
def broker(options: BrokerOptions, process: ProcessOptions = _AS_IS) -> int:
    """Serve a log to Kafka clients, until SIGTERM or ^C. There is no TLS, no login and no access control."""
    import asyncio

    from gputail.broker import BrokerProcess
    from gputail.logs import set_up_logs

    set_up_logs(instance_id=process.name, level=process.log_level, form=process.log_format)

    async def run() -> int:
        return await BrokerProcess(options, process).run()

    return asyncio.run(run())
