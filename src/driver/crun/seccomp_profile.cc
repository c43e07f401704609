#include "driver/crun/seccomp_profile.h"

// Made by tools/make_seccomp_profile.py; change it there.

namespace mayfly::crun {

const char* const seccomp_profile = R"json({
"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"],
"syscalls": [
{"names": ["io_pgetevents", "kexec_file_load", "kexec_load", "migrate_pages", "move_pages", "nfsservctl",
"swapoff", "swapon", "sysfs", "uselib", "userfaultfd", "ustat", "vmsplice"], "action": "SCMP_ACT_ERRNO",
"errnoRet": 1},
{"names": ["accept", "accept4", "access", "adjtimex", "alarm", "bind", "brk", "capget", "capset", "chdir",
"chmod", "chown", "clock_adjtime", "clock_getres", "clock_gettime", "clock_nanosleep", "close", "close_range",
"connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl",
"epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2",
"execve", "execveat", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate",
"fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr",
"flistxattr", "flock", "fork", "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futex",
"futimesat", "get_mempolicy", "get_robust_list", "get_thread_area", "getcpu", "getcwd", "getdents",
"getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpeername", "getpgid", "getpgrp",
"getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid",
"getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "getxattr", "inotify_add_watch",
"inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_setup",
"io_submit", "ioctl", "ioprio_get", "ioprio_set", "kill", "landlock_add_rule", "landlock_create_ruleset",
"landlock_restrict_self", "lchown", "lgetxattr", "link", "linkat", "listen", "listxattr", "llistxattr",
"lremovexattr", "lseek", "lsetxattr", "lstat", "madvise", "mbind", "membarrier", "memfd_create",
"memfd_secret", "mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap",
"mprotect", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "mremap",
"msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap", "name_to_handle_at",
"nanosleep", "newfstatat", "open", "openat", "openat2", "pause", "pidfd_getfd", "pidfd_open",
"pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll", "prctl",
"pread64", "preadv", "preadv2", "prlimit64", "process_mrelease", "process_vm_readv", "process_vm_writev",
"pselect6", "ptrace", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat",
"readv", "reboot", "recvfrom", "recvmmsg", "recvmsg", "remap_file_pages", "removexattr", "rename", "renameat",
"renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
"rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
"sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam",
"sched_setscheduler", "sched_yield", "seccomp", "select", "semctl", "semget", "semop", "semtimedop",
"sendfile", "sendmmsg", "sendmsg", "sendto", "set_mempolicy", "set_robust_list", "set_thread_area",
"set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "setpgid", "setpriority",
"setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setsockopt", "setuid", "setxattr",
"shmat", "shmctl", "shmdt", "shmget", "shutdown", "sigaltstack", "signalfd", "signalfd4", "socketpair",
"splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo",
"tee", "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
"timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "tkill", "truncate", "umask", "uname",
"unlink", "unlinkat", "utime", "utimensat", "utimes", "vfork", "wait4", "waitid", "write", "writev"], "action":
"SCMP_ACT_ALLOW"},
{"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "valueTwo": 0, "op":
"SCMP_CMP_EQ"}]},
{"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 8, "valueTwo": 0, "op":
"SCMP_CMP_EQ"}]},
{"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 131072, "valueTwo": 0,
"op": "SCMP_CMP_EQ"}]},
{"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 131080, "valueTwo": 0,
"op": "SCMP_CMP_EQ"}]},
{"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 4294967295, "valueTwo":
0, "op": "SCMP_CMP_EQ"}]},
{"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW"},
{"names": ["modify_ldt"], "action": "SCMP_ACT_ALLOW"},
{"names": ["open_by_handle_at"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
{"names": ["bpf", "fanotify_init", "lookup_dcookie", "perf_event_open", "quotactl", "setdomainname",
"sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
{"names": ["chroot"], "action": "SCMP_ACT_ALLOW"},
{"names": ["delete_module", "finit_module", "init_module", "query_module"], "action": "SCMP_ACT_ERRNO",
"errnoRet": 1},
{"names": ["acct"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
{"names": ["kcmp", "process_madvise"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
{"names": ["ioperm", "iopl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
{"names": ["clock_settime", "settimeofday"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
{"names": ["vhangup"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22, "args": [{"index": 0, "value": 16,
"valueTwo": 0, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 9, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]},
{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 2, "value": 9, "valueTwo": 0, "op":
"SCMP_CMP_NE"}]},
{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 16, "valueTwo": 0, "op":
"SCMP_CMP_NE"}]},
{"names": ["add_key", "fsconfig", "fsmount", "fsopen", "fspick", "keyctl", "mount", "mount_setattr",
"move_mount", "open_tree", "pivot_root", "request_key", "setns", "syslog", "umount2"], "action":
"SCMP_ACT_ERRNO", "errnoRet": 1},
{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 268435456, "valueTwo": 0, "op":
"SCMP_CMP_MASKED_EQ"}]},
{"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": [{"index": 0, "value": 268435456,
"valueTwo": 268435456, "op": "SCMP_CMP_MASKED_EQ"}]},
{"names": ["unshare"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 268435456, "valueTwo": 0,
"op": "SCMP_CMP_MASKED_EQ"}]},
{"names": ["unshare"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": [{"index": 0, "value": 268435456,
"valueTwo": 268435456, "op": "SCMP_CMP_MASKED_EQ"}]}
]})json";

}  // namespace mayfly::crun
