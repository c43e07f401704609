#pragma once
// Bytes that need not be text, as JSON can hold them.

#include <string>
#include <string_view>

namespace mayfly::json {

/// The bytes as UTF-8: each one that belongs to no character becomes the replacement character.
std::string as_text(std::string_view bytes);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

}  // namespace mayfly::json
