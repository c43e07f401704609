#pragma once
// Bytes that need not be text, as JSON can hold them.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::json {

/// The bytes as UTF-8: each one that belongs to no character becomes the replacement character.
std::string as_text(std::string_view bytes);

/// Whether they are UTF-8 as they stand.
bool is_text(std::string_view bytes);
/// Bytes at the end that begin a character whose rest may be on its way: 0 to 3.
std::size_t unfinished_tail(std::string_view bytes);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);
/// Nothing for what base64() never gives.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace mayfly::json
