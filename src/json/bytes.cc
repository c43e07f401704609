#include "json/bytes.h"

#include <cstdint>

namespace mayfly::json {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

unsigned char byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

/// Bytes of the character at the front; 0 when none is there, but a stray byte, half of one, or a surrogate.
std::size_t character_at_front(std::string_view bytes) {
  const auto lead = byte_at(bytes, 0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte_at(bytes, i) & 0xc0) != 0x80) return 0;
  const auto second = byte_at(bytes, 1);
  if (lead == 0xe0 && second < 0xa0) return 0;
  if (lead == 0xed && second >= 0xa0) return 0;
  if (lead == 0xf0 && second < 0x90) return 0;
  if (lead == 0xf4 && second >= 0x90) return 0;
  return length;
}

}  // namespace

std::string as_text(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto length = character_at_front(bytes);
    text += length > 0 ? bytes.substr(0, length) : replacement;
    bytes.remove_prefix(length > 0 ? length : 1);
  }
  return text;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < group.size() ? byte_at(group, k) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= group.size() ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

}  // namespace mayfly::json
