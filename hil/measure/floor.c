/* How late this machine wakes a periodic thread at best: what cyclictest does, in C, without anything else.
 *
 * usage: floor PRIORITY PERIOD_US...     one thread for each period; prints at end of file on standard input:
 * a line "scheduled fifo|other", then a line "MICROSECONDS COUNT" for each lateness that occurred, of all threads together.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_US 100000
#define MOST_THREADS 16

struct periodic {
    long period_ns;
    unsigned long counts[LONGEST_US + 1];
};

static volatile int stopped;

static void *run(void *argument)
{
    struct periodic *self = argument;
    struct timespec due, now;

    clock_gettime(CLOCK_MONOTONIC, &due);
    while (!stopped) {
        due.tv_nsec += self->period_ns;
        if (due.tv_nsec >= 1000000000L) {
            due.tv_nsec -= 1000000000L;
            due.tv_sec++;
        }
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
            ;
        clock_gettime(CLOCK_MONOTONIC, &now);
        long late_us = ((now.tv_sec - due.tv_sec) * 1000000000L + now.tv_nsec - due.tv_nsec) / 1000;
        self->counts[late_us < 0 ? 0 : late_us > LONGEST_US ? LONGEST_US : late_us]++;
        /* A slot that was missed is not made up for. */
        while ((now.tv_sec - due.tv_sec) * 1000000000L + now.tv_nsec - due.tv_nsec > self->period_ns) {
            due.tv_nsec += self->period_ns;
            if (due.tv_nsec >= 1000000000L) {
                due.tv_nsec -= 1000000000L;
                due.tv_sec++;
            }
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct periodic threads[MOST_THREADS];
    pthread_t ids[MOST_THREADS];
    pthread_attr_t attributes;
    int count = argc - 2;
    char byte;

    if (count < 1 || count > MOST_THREADS) {
        fprintf(stderr, "usage: floor PRIORITY PERIOD_US...\n");
        return 2;
    }
    struct sched_param priority = {.sched_priority = atoi(argv[1])};
    int fifo = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    for (int i = 0; i < count; i++) {
        threads[i].period_ns = atol(argv[i + 2]) * 1000L;
        if (pthread_create(&ids[i], &attributes, run, &threads[i]) != 0) {
            fprintf(stderr, "floor: no thread: %s\n", strerror(errno));
            return 1;
        }
    }
    mlockall(MCL_CURRENT);
    while (read(0, &byte, 1) > 0)
        ;
    stopped = 1;
    printf("scheduled %s\n", fifo ? "fifo" : "other");
    for (int i = 0; i < count; i++)
        pthread_join(ids[i], NULL);
    for (long late = 0; late <= LONGEST_US; late++) {
        unsigned long sum = 0;
        for (int i = 0; i < count; i++)
            sum += threads[i].counts[late];
        if (sum)
            printf("%ld %lu\n", late, sum);
    }
    return 0;
}
