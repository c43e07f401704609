#pragma once
// What went wrong, for the person at the keyboard and for the script around it.

#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace mayfly::cli {

/// Error::reason of a server that could not be spoken to at all, and of a wait that ended before the work did.
constexpr std::string_view unreachable = "unreachable";
constexpr std::string_view waited = "waited";

/// What a refusal says: its problem body if it has one, else its status.
Error refusal(const http::Response& response);

int exit_code(const Error& error);

/// "mayfly: what happened", the bad fields one a line, and what to do about it where that is known. Ends with a
/// newline.
std::string describe(const Error& error);

}  // namespace mayfly::cli
