#pragma once
// Expected trouble is a Result, a bug is a CHECK. An Error's code is for programs, its message for the
// person who must act: what was tried, on what, what was found.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace mayfly {

/// What kind of trouble this is. Core maps it to a retry class, each dialect maps it to a status.
enum class Code {
  invalid,          // the request can never succeed as it stands
  unauthenticated,  // nobody we know is asking
  denied,           // we know who asks, and they may not
  not_found,        // there is no such thing, or none that the caller may know of
  conflict,         // the thing is in a state that forbids this
  too_large,        // a stated limit was passed
  exhausted,        // a quota or rate is used up; later may work
  no_space,         // the disk is full
  busy,             // in use right now; try again soon (EBUSY and its like)
  unavailable,      // a part that we need does not answer
  timed_out,        // no answer in time: the outcome is unknown
  unknown,          // the outcome is unknown for another reason: probe before anything else
  unsupported,      // this host or build cannot do it
  internal,         // a library threw or an invariant of an adapter broke
};

std::string_view name(Code code);

/// One bad member of a request: where it stands, what was expected there and what was found.
struct FieldError {
  std::string path;
  std::string expected;
  std::string found;
};

struct Error {
  Code code = Code::internal;
  std::string message;
  std::string reason;               // stable word for programs ("image_unknown"); empty: name(code)
  std::vector<FieldError> fields;   // only for Code::invalid
  std::map<std::string, double> facts = {};   // for programs: "limit", "used", "asked", "retry_after_seconds"
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

/// `return fail(Code::conflict, "sandbox sbx_1 is paused", "sandbox_paused");`
inline tl::unexpected<Error> fail(Code code, std::string message, std::string reason = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(reason), {}});
}

/// The error of strerror(number) with what was tried in front, and the code that fits the number.
Error errno_error(int number, std::string_view what_was_tried);

/// The same trouble with more of the story in front of its message.
Error in_context(std::string_view context, Error error);

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

namespace detail {
template <class T>
T take(Result<T>&& result) {
  return std::move(*result);
}
inline void take(Result<void>&&) {}
}  // namespace detail

}  // namespace mayfly

/// The value of a Result, or an early return of its error.
#define TRY(expression)                                                                    \
  __extension__({                                                                          \
    auto try_result = (expression);                                                        \
    if (!try_result) return ::tl::unexpected<::mayfly::Error>(std::move(try_result).error()); \
    ::mayfly::detail::take(std::move(try_result));                                         \
  })

/// A condition that only a bug can break. Aborts: durable work makes a restart safe.
#define CHECK(condition) ((condition) ? void(0) : ::mayfly::check_failed(#condition, __FILE__, __LINE__))
