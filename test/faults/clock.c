/*
 * A wall clock that jumps, for one process and its children: loaded with LD_PRELOAD, it adds the nanoseconds found in the file named by
 * CLOCK_OFFSET_FILE (8 bytes, in the machine's byte order, read anew each time) to the real-time clock. Monotonic clocks stay as they
 * are, as they do when an operator or NTP sets the time. A wait until a point in real time is translated back, because the kernel's
 * clock has not moved.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static int64_t nothing = 0;
static volatile int64_t *offset = &nothing;
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

__attribute__((constructor)) static void open_offset(void) {
	real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	/* The plain name may find the version for programs linked before 2003, whose condition variables are laid out differently. */
	real_timedwait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
	if (!real_timedwait) real_timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	const char *path = getenv("CLOCK_OFFSET_FILE");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (file < 0) return;
	void *mapped = mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
	if (mapped != MAP_FAILED) offset = mapped;
	close(file);
}

static void shift(struct timespec *t, int64_t by) {
	int64_t ns = t->tv_nsec + by % SECOND;
	t->tv_sec += by / SECOND;
	if (ns < 0) ns += SECOND, t->tv_sec--;
	if (ns >= SECOND) ns -= SECOND, t->tv_sec++;
	t->tv_nsec = ns;
}

int clock_gettime(clockid_t id, struct timespec *t) {
	if (!real_gettime) real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	int result = real_gettime(id, t);
	if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) shift(t, *offset);
	return result;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *out) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (out) *out = now.tv_sec;
	return now.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
	struct timespec t = *until;
	/* Monotonic clocks count from the machine's start; only real time is past 2001. */
	if (t.tv_sec > SECOND) shift(&t, -*offset);
	return real_timedwait(condition, mutex, &t);
}
