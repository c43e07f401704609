#include "json/bytes.h"

#include <cstdint>

namespace mayfly::json {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto length = character_at_front(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::size_t unfinished_tail(std::string_view bytes) {
  for (std::size_t tail = 1; tail <= 3 && tail <= bytes.size(); ++tail) {
    const auto lead = byte_at(bytes, bytes.size() - tail);
    if ((lead & 0xc0) == 0x80) continue;
    const std::size_t length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
    return length > tail ? tail : 0;
  }
  return 0;
}

std::string base64(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < group.size() ? byte_at(group, k) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= group.size() ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    auto group = text.substr(i, 4);
    if (i + 4 == text.size()) group = group.substr(0, group.find('='));
    if (group.size() < 2) return std::nullopt;
    std::uint32_t bits = 0;
    for (const char digit : group) {
      const auto value = alphabet.find(digit);
      if (value == alphabet.npos) return std::nullopt;
      bits = bits << 6 | static_cast<std::uint32_t>(value);
    }
    bits <<= 6 * (4 - group.size());
    for (std::size_t k = 0; k + 1 < group.size(); ++k) bytes += static_cast<char>(bits >> (16 - 8 * k) & 0xff);
  }
  // What is only almost base64 would not come out as it went in.
  if (base64(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace mayfly::json
