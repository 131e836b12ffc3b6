/*
 * Reads a topic's partition 0 from its start with librdkafka, as an application would, and counts.
 *
 * usage:  consume_kafka BROKER TOPIC RECORDS [SETTING=VALUE ...]
 *
 * The clock runs from the first record to the last of RECORDS; the settings are librdkafka's.
 *
 * output: {"records": n, "bytes": of values, "seconds": s, "cpu_s": CPU of this program}
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { AT_ONCE = 10000, WAIT_MS = 10000 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec
        + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void die(const char *message)
{
    fprintf(stderr, "consume_kafka: %s\n", message);
    exit(1);
}

static rd_kafka_t *connect_to(char **settings, int count, const char *broker)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (rd_kafka_conf_set(conf, "bootstrap.servers", broker, error, sizeof error)
        || rd_kafka_conf_set(conf, "group.id", "bench", error, sizeof error))
        die(error);
    for (int i = 0; i < count; i++) {
        char *value = strchr(settings[i], '=');
        if (!value)
            die("a setting is written NAME=VALUE");
        *value++ = '\0';
        if (rd_kafka_conf_set(conf, settings[i], value, error, sizeof error))
            die(error);
    }
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
    if (!client)
        die(error);
    return client;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: consume_kafka BROKER TOPIC RECORDS [SETTING=VALUE ...]\n");
        return 2;
    }
    rd_kafka_t *client = connect_to(argv + 4, argc - 4, argv[1]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, argv[2], NULL);
    static rd_kafka_message_t *messages[AT_ONCE];
    long wanted = atol(argv[3]), records = 0;
    long long bytes = 0;
    double started = 0, spent = cpu_s();

    if (rd_kafka_consume_start_queue(topic, 0, 0, queue))
        die(rd_kafka_err2str(rd_kafka_last_error()));
    while (records < wanted) {
        long left = wanted - records;
        ssize_t count = rd_kafka_consume_batch_queue(queue, WAIT_MS, messages, left < AT_ONCE ? left : AT_ONCE);
        if (count <= 0)
            die("nothing came for 10 s");
        if (!started)
            started = now_s();
        for (ssize_t i = 0; i < count; i++) {
            if (messages[i]->err)
                die(rd_kafka_message_errstr(messages[i]));
            bytes += messages[i]->len;
            rd_kafka_message_destroy(messages[i]);
        }
        records += count;
    }
    printf("{\"records\": %ld, \"bytes\": %lld, \"seconds\": %.6f, \"cpu_s\": %.6f}\n", records, bytes,
           now_s() - started, cpu_s() - spent);
    return 0;
}
