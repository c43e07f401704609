#include <cerrno>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/evp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/crun/seccomp_filter.h"

namespace mayfly::crun {
namespace {

std::string decoded(const std::string& text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length =
      ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  // The padding is decoded as zeroes; a program is a whole number of instructions.
  bytes.resize(static_cast<std::size_t>(length) / sizeof(sock_filter) * sizeof(sock_filter));
  return bytes;
}

/// What the system call answers under the filter: 0 or its errno. It runs in a child of its own.
int under_filter(const std::string& program, long number, long argument) {
  const pid_t child = ::fork();
  if (child == 0) {
    const sock_fprog filter{static_cast<unsigned short>(program.size() / sizeof(sock_filter)),
                            reinterpret_cast<sock_filter*>(const_cast<char*>(program.data()))};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
      ::_exit(255);
    ::_exit(::syscall(number, argument, 0, 0, 0, 0) < 0 ? errno : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

TEST(SeccompFilter, IsAProgramThatTheKernelEnforces) {
  const auto filter = seccomp_filter();
  ASSERT_TRUE(filter) << filter.error().message;
  const auto program = decoded(*filter);

  EXPECT_EQ(under_filter(program, SYS_getpid, 0), 0);
  EXPECT_EQ(under_filter(program, SYS_unshare, CLONE_FILES), 0);
  EXPECT_EQ(under_filter(program, SYS_unshare, CLONE_NEWUSER), EPERM);
  EXPECT_EQ(under_filter(program, SYS_mount, 0), EPERM);
  EXPECT_EQ(under_filter(program, SYS_setns, 0), EPERM);
  EXPECT_EQ(under_filter(program, SYS_bpf, 0), EPERM);
  EXPECT_EQ(under_filter(program, 999, 0), ENOSYS) << "what nobody has heard of is refused by default";
}

}  // namespace
}  // namespace mayfly::crun
