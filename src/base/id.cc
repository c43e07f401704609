#include "base/id.h"

#include <charconv>

namespace mayfly {

namespace {

constexpr char digit[] = "0123456789abcdef";

int value_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Uuid make_uuid(Time at, std::uint16_t sequence, const std::array<std::uint8_t, 6>& random) {
  const auto ms = static_cast<std::uint64_t>(microseconds(at) / 1000);
  const auto us = static_cast<std::uint64_t>(microseconds(at) % 1000);
  Uuid u;
  for (int i = 0; i < 6; ++i) u.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  // RFC 9562 lets the 12 bits after the version carry more of the time: ids made in one millisecond sort too.
  const auto fine = us * 4096 / 1000;
  u.bytes[6] = static_cast<std::uint8_t>(0x70 | (fine >> 8));
  u.bytes[7] = static_cast<std::uint8_t>(fine);
  u.bytes[8] = static_cast<std::uint8_t>(0x80 | (sequence >> 8 & 0x3f));
  u.bytes[9] = static_cast<std::uint8_t>(sequence);
  for (int i = 0; i < 6; ++i) u.bytes[10 + i] = random[i];
  return u;
}

std::string hex(const Uuid& uuid) {
  std::string text(32, '0');
  auto at = text.begin();
  for (auto b : uuid.bytes) {
    *at++ = digit[b >> 4];
    *at++ = digit[b & 15];
  }
  return text;
}

std::string dashed(const Uuid& uuid) {
  auto text = hex(uuid);
  for (std::size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

std::optional<Uuid> parse_uuid(std::string_view text) {
  if (text.size() != 32 && text.size() != 36) return std::nullopt;
  Uuid u;
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.size() == 36 && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int v = value_of(text[i]);
    if (v < 0) return std::nullopt;
    u.bytes[nibble / 2] = static_cast<std::uint8_t>(u.bytes[nibble / 2] << 4 | v);
    ++nibble;
  }
  return u;
}

std::optional<Uuid> uuid_in(std::string_view id) {
  const auto bar = id.rfind('_');
  if (bar == std::string_view::npos || id.size() - bar != 33) return std::nullopt;
  // One spelling only: ids are compared and sorted as text, a cursor too.
  const auto digits = id.substr(bar + 1);
  return digits.find_first_of("ABCDEF") == digits.npos ? parse_uuid(digits) : std::nullopt;
}

std::string to_string(const Incarnation& i) {
  return i.instance + "-" + hex(i.uid) + "-" + std::to_string(i.generation);
}

std::optional<Incarnation> parse_incarnation(std::string_view text) {
  const auto last = text.rfind('-');
  if (last == std::string_view::npos || last < 34 || text[last - 33] != '-') return std::nullopt;
  Incarnation i;
  const auto uid = parse_uuid(text.substr(last - 32, 32));
  const auto digits = text.substr(last + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), i.generation);
  if (!uid) return std::nullopt;
  i.instance = text.substr(0, last - 33);
  i.uid = *uid;
  // One spelling only: two names for one incarnation would be two things on the host.
  if (i.instance.empty() || i.generation < 0 || to_string(i) != text) return std::nullopt;
  return i;
}

}  // namespace mayfly
