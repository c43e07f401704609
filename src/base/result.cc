#include "base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace mayfly {

std::string_view name(Code code) {
  switch (code) {
    case Code::invalid: return "invalid";
    case Code::unauthenticated: return "unauthenticated";
    case Code::denied: return "denied";
    case Code::not_found: return "not_found";
    case Code::conflict: return "conflict";
    case Code::too_large: return "too_large";
    case Code::exhausted: return "exhausted";
    case Code::no_space: return "no_space";
    case Code::busy: return "busy";
    case Code::unavailable: return "unavailable";
    case Code::timed_out: return "timed_out";
    case Code::unknown: return "unknown";
    case Code::unsupported: return "unsupported";
    case Code::internal: return "internal";
  }
  return "internal";
}

namespace {

Code code_of_errno(int number) {
  switch (number) {
    case ENOENT: case ESRCH: case ENOTDIR: return Code::not_found;
    case EEXIST: case ENOTEMPTY: case EISDIR: return Code::conflict;
    case EACCES: case EPERM: case EROFS: return Code::denied;
    case ENOSPC: case EDQUOT: return Code::no_space;
    case EBUSY: case EAGAIN: case ETXTBSY: return Code::busy;
    case EINVAL: case ENAMETOOLONG: case ELOOP: case EXDEV: return Code::invalid;
    case EFBIG: return Code::too_large;
    case EMFILE: case ENFILE: case ENOMEM: return Code::exhausted;
    case ECONNREFUSED: case ECONNRESET: case EPIPE: case ENOTCONN: return Code::unavailable;
    case ETIMEDOUT: return Code::timed_out;
    case ENOSYS: case EOPNOTSUPP: return Code::unsupported;
    default: return Code::internal;
  }
}

}  // namespace

Error errno_error(int number, std::string_view what_was_tried) {
  return {code_of_errno(number), std::string(what_was_tried) + ": " + std::strerror(number), {}, {}};
}

Error in_context(std::string_view context, Error error) {
  error.message = std::string(context) + ": " + error.message;
  return error;
}

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "CHECK(%s) failed at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace mayfly
