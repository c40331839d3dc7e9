/* Faults at write boundaries: a library that is loaded before libc into Andon and every git that it starts.
 *
 * Every call that changes a file system below one of the watched directories is a boundary. The boundaries of all
 * processes of a command are counted together, in memory that they share, so that "the 37th" is one point of the whole.
 * At the chosen one, before the call is carried out, the action happens:
 *   record     write the boundary down
 *   kill       SIGKILL to every process of the command (kill -9 of the process group)
 *   kill-one   SIGKILL to the process at the boundary alone (a git that dies under a living Andon)
 *   stop       SIGSTOP to every process of the command (a zombie, until SIGCONT)
 *   full       from here on everything that needs space fails with ENOSPC
 *   eio        this call fails with EIO, if it is fsync or a write; later calls of the same kind work
 * With FAULTS_ONLY, only paths that hold this text count.
 * A clock that is ahead (FAULTS_AHEAD_S) stands for time that has passed.
 *
 * Processes that drop the variable LD_PRELOAD (a sandbox and what runs in it) have no boundaries and are not killed by
 * us: whether they die with Andon is for the tests to find out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum action { NOTHING, RECORD, KILL, KILL_ONE, STOP, FULL, EIO_ONCE };
#define MOST_PROCESSES 4096
struct shared {
    atomic_long count;
    atomic_long processes;
    atomic_int pids[MOST_PROCESSES];
};

static struct shared *shared;
static enum action action;
static long chosen;
static long ahead_s;
static int record_fd = -1;
static char roots[4][PATH_MAX];
static int root_count;
static const char *only;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void enroll(void) {
    if (!shared) return;
    long slot = atomic_fetch_add(&shared->processes, 1);
    if (slot < MOST_PROCESSES) atomic_store(&shared->pids[slot], (int)getpid());
}

__attribute__((constructor)) static void begin(void) {
    const char *ahead = getenv("FAULTS_AHEAD_S");
    if (ahead) ahead_s = atol(ahead);
    const char *path = getenv("FAULTS_SHARED");
    if (!path) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found == MAP_FAILED) return;
    shared = found;
    const char *wanted = getenv("FAULTS_ACTION");
    const char *names[] = {"", "record", "kill", "kill-one", "stop", "full", "eio"};
    for (int i = 0; wanted && i < 7; i++)
        if (!strcmp(names[i], wanted)) action = (enum action)i;
    const char *at = getenv("FAULTS_AT");
    chosen = at ? atol(at) : 0;
    const char *watched = getenv("FAULTS_ROOTS");
    while (watched && *watched && root_count < 4) {
        const char *end = strchrnul(watched, ':');
        snprintf(roots[root_count++], PATH_MAX, "%.*s", (int)(end - watched), watched);
        watched = *end ? end + 1 : end;
    }
    only = getenv("FAULTS_ONLY");
    const char *log = getenv("FAULTS_RECORD");
    if (log && action == RECORD)
        record_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    enroll();
    pthread_atfork(NULL, NULL, enroll);
}

static int watched_path(const char *path) {
    for (int i = 0; i < root_count; i++)
        if (!strncmp(path, roots[i], strlen(roots[i]))) return 1;
    return 0;
}

static void link_target(const char *link, char *into) {
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, into, PATH_MAX - 1);
    into[length > 0 ? length : 0] = 0;
}

static void of_descriptor(int fd, char *into) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    link_target(link, into);
}

static void of_path(int directory, const char *path, char *into) {
    char base[PATH_MAX];
    if (path[0] == '/') {
        snprintf(into, PATH_MAX, "%s", path);
        return;
    }
    if (directory == AT_FDCWD) link_target("/proc/self/cwd", base);
    else of_descriptor(directory, base);
    snprintf(into, PATH_MAX, "%.2000s/%.2000s", base, path);
}

static void everybody(int number) {
    long most = atomic_load(&shared->processes);
    int self = (int)getpid();
    for (long i = 0; i < most && i < MOST_PROCESSES; i++) {
        int pid = atomic_load(&shared->pids[i]);
        if (pid > 0 && pid != self) syscall(SYS_kill, pid, number);
    }
    syscall(SYS_kill, self, number);
}

/* 0, or the error that the call has to fail with. */
static int boundary(const char *kind, const char *path, int needs_space, int may_eio) {
    if (!shared || action == NOTHING || !watched_path(path)) return 0;
    if (only && *only && !strstr(path, only)) return 0;
    if (action == EIO_ONCE && !may_eio) return 0;
    long number = atomic_fetch_add(&shared->count, 1) + 1;
    if (action == RECORD) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%s %d %s\n", kind, (int)getpid(), path);
        if (record_fd >= 0) syscall(SYS_write, record_fd, line, (size_t)length);
        return 0;
    }
    if (action == FULL && number >= chosen && needs_space) return ENOSPC;
    if (number != chosen) return 0;
    switch (action) {
    case KILL:
        everybody(SIGKILL);
        break;
    case KILL_ONE:
        syscall(SYS_kill, getpid(), SIGKILL);
        break;
    case STOP:
        everybody(SIGSTOP);
        break;
    case EIO_ONCE:
        return EIO;
    default:
        break;
    }
    return 0;
}

#define AT_PATH(kind, directory, path, space) \
    do { \
        char full_path[PATH_MAX]; \
        int saved = errno; \
        of_path(directory, path, full_path); \
        int failed = boundary(kind, full_path, space, 0); \
        errno = failed ? failed : saved; \
        if (failed) return -1; \
    } while (0)
#define AT_FD(kind, fd, space, eio) \
    do { \
        char full_path[PATH_MAX]; \
        int saved = errno; \
        of_descriptor(fd, full_path); \
        int failed = boundary(kind, full_path, space, eio); \
        errno = failed ? failed : saved; \
        if (failed) return -1; \
    } while (0)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (shared && fd > 2) AT_FD("write", fd, 1, 1);
    return real(fd, data, size);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    if (shared && fd > 2) AT_FD("write", fd, 1, 1);
    return real(fd, parts, count);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    if (shared) AT_FD("pwrite", fd, 1, 1);
    return real(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    if (shared) AT_FD("pwrite", fd, 1, 1);
    return real(fd, data, size, at);
}
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags) {
    REAL(copy_file_range);
    if (shared) AT_FD("write", out, 1, 1);
    return real(in, in_at, out, out_at, size, flags);
}
ssize_t sendfile(int out, int in, off_t *at, size_t size) {
    ssize_t (*real)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, "sendfile");
    if (shared) AT_FD("write", out, 1, 1);
    return real(out, in, at, size);
}
int fsync(int fd) {
    REAL(fsync);
    if (shared) AT_FD("fsync", fd, 0, 1);
    return real(fd);
}
int fdatasync(int fd) {
    REAL(fdatasync);
    if (shared) AT_FD("fsync", fd, 0, 1);
    return real(fd);
}
int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    if (shared) AT_FD("ftruncate", fd, 0, 0);
    return real(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    if (shared) AT_FD("ftruncate", fd, 0, 0);
    return real(fd, size);
}
int fchmod(int fd, mode_t mode) {
    REAL(fchmod);
    if (shared) AT_FD("chmod", fd, 0, 0);
    return real(fd, mode);
}
int chmod(const char *path, mode_t mode) {
    REAL(chmod);
    if (shared) AT_PATH("chmod", AT_FDCWD, path, 0);
    return real(path, mode);
}
int rename(const char *from, const char *to) {
    REAL(rename);
    if (shared) AT_PATH("rename", AT_FDCWD, to, 0);
    return real(from, to);
}
int renameat(int from_at, const char *from, int to_at, const char *to) {
    REAL(renameat);
    if (shared) AT_PATH("rename", to_at, to, 0);
    return real(from_at, from, to_at, to);
}
int link(const char *from, const char *to) {
    REAL(link);
    if (shared) AT_PATH("link", AT_FDCWD, to, 1);
    return real(from, to);
}
int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    REAL(linkat);
    if (shared) AT_PATH("link", to_at, to, 1);
    return real(from_at, from, to_at, to, flags);
}
int symlink(const char *target, const char *path) {
    REAL(symlink);
    if (shared) AT_PATH("symlink", AT_FDCWD, path, 1);
    return real(target, path);
}
int symlinkat(const char *target, int at, const char *path) {
    REAL(symlinkat);
    if (shared) AT_PATH("symlink", at, path, 1);
    return real(target, at, path);
}
int unlink(const char *path) {
    REAL(unlink);
    if (shared) AT_PATH("unlink", AT_FDCWD, path, 0);
    return real(path);
}
int unlinkat(int at, const char *path, int flags) {
    REAL(unlinkat);
    if (shared) AT_PATH(flags & AT_REMOVEDIR ? "rmdir" : "unlink", at, path, 0);
    return real(at, path, flags);
}
int rmdir(const char *path) {
    REAL(rmdir);
    if (shared) AT_PATH("rmdir", AT_FDCWD, path, 0);
    return real(path);
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (shared) AT_PATH("mkdir", AT_FDCWD, path, 1);
    return real(path, mode);
}
int mkdirat(int at, const char *path, mode_t mode) {
    REAL(mkdirat);
    if (shared) AT_PATH("mkdir", at, path, 1);
    return real(at, path, mode);
}

/* Opening is a boundary when it may make a file. */
static int opening(int at, const char *path, int flags) {
    if (!shared || !(flags & (O_CREAT | O_TRUNC))) return 0;
    char full_path[PATH_MAX];
    int saved = errno;
    of_path(at, path, full_path);
    int failed = boundary("create", full_path, 1, 0);
    errno = saved;
    return failed;
}
#define MODE_OF(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }
#define OPENING(at, path, flags) \
    int failed = opening(at, path, flags); \
    if (failed) { \
        errno = failed; \
        return -1; \
    }
int open(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    MODE_OF(flags)
    OPENING(AT_FDCWD, path, flags)
    return real(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    MODE_OF(flags)
    OPENING(AT_FDCWD, path, flags)
    return real(path, flags, mode);
}
int openat(int at, const char *path, int flags, ...) {
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
    MODE_OF(flags)
    OPENING(at, path, flags)
    return real(at, path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) {
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat64");
    MODE_OF(flags)
    OPENING(at, path, flags)
    return real(at, path, flags, mode);
}

int clock_gettime(clockid_t which, struct timespec *into) {
    REAL(clock_gettime);
    int done = real(which, into);
    if (!done && ahead_s && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) into->tv_sec += ahead_s;
    return done;
}
