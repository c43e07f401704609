#include "core/query/cursor.h"

#include <algorithm>
#include <array>

#include "base/result.h"

namespace mayfly::query {

namespace {

constexpr char version = 1;
constexpr std::size_t hash_bytes = 8;
constexpr std::size_t signature_bytes = 16;
constexpr std::size_t bound_things = 4;
constexpr std::size_t head_bytes = 2 + bound_things * hash_bytes;   // version, key, hashes

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encoded(std::string_view bytes) {
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) text += digits[bits >> (held - 6) & 63];
  }
  if (held > 0) text += digits[bits << (6 - held) & 63];
  return text;
}

/// Only the one spelling that `encoded` gives.
std::optional<std::string> decoded(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const auto digit = digits.find(c);
    if (digit == digits.npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 255);
  }
  if (encoded(bytes) != text) return std::nullopt;
  return bytes;
}

void append(std::string& bytes, std::uint64_t number, int size) {
  while (size-- > 0) bytes += static_cast<char>(number >> (8 * size) & 255);
}

std::uint64_t take(std::string_view& bytes, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(size);
  return number;
}

void append(std::string& bytes, const Datum& value) {
  if (is_null(value)) {
    bytes += '0';
  } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
    bytes += 'n';
    append(bytes, static_cast<std::uint64_t>(*number), 8);
  } else {
    const auto& text = std::get<std::string>(value);
    bytes += 't';
    append(bytes, text.size(), 2);
    bytes += text;
  }
}

/// What `append` wrote, and so never broken: it was signed.
std::vector<Datum> values_in(std::string_view bytes) {
  std::vector<Datum> values;
  while (!bytes.empty()) {
    const char kind = bytes.front();
    bytes.remove_prefix(1);
    if (kind == '0') {
      values.emplace_back();
    } else if (kind == 'n') {
      values.emplace_back(static_cast<std::int64_t>(take(bytes, 8)));
    } else {
      const auto size = take(bytes, 2);
      values.emplace_back(std::string(bytes.substr(0, size)));
      bytes.remove_prefix(size);
    }
  }
  return values;
}

/// Looks at all bytes, whatever they are.
bool same(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

tl::unexpected<Refusal> refuse(const std::string& param, const std::string& why, const std::string& sentence) {
  return tl::unexpected(
      Refusal{"invalid_cursor", param + ": " + sentence, param, {}, "a cursor of this list", why, {}});
}

}  // namespace

std::string Cursors::hash(std::string_view text) const { return mac_("", text).substr(0, hash_bytes); }

std::string Cursors::head(const Binding& binding) const {
  return hash(binding.list) + hash(binding.order) + hash(binding.filter) + hash(binding.caller);
}

std::string Cursors::make(const Binding& binding, const std::vector<Datum>& values) const {
  const auto& key = keys_.front();
  std::string bytes = {version, static_cast<char>(key.number)};
  bytes += head(binding);
  for (const auto& value : values) append(bytes, value);
  return encoded(bytes + mac_(key.secret, bytes).substr(0, signature_bytes));
}

Read<std::vector<Datum>> Cursors::read(std::string_view cursor, const Binding& binding,
                                       const std::string& param) const {
  if (cursor.size() > limits::cursor)
    return refuse(param, "malformed", "this is too long for a cursor of this server");
  const auto bytes = decoded(cursor);
  if (!bytes || bytes->size() < head_bytes + signature_bytes || bytes->front() != version)
    return refuse(param, "malformed", "this is no cursor that this server gave");
  const auto number = static_cast<std::uint8_t>((*bytes)[1]);
  const auto key = std::ranges::find(keys_, number, &CursorKey::number);
  if (key == keys_.end())
    return refuse(param, "retired_key", "the key that signed this cursor is no longer in use; begin the list again");
  const std::string_view signed_part(bytes->data(), bytes->size() - signature_bytes);
  if (!same(mac_(key->secret, signed_part).substr(0, signature_bytes),
            std::string_view(*bytes).substr(signed_part.size())))
    return refuse(param, "altered", "this cursor is not as this server gave it");
  struct Bound {
    const char* why;
    const char* sentence;
  };
  constexpr std::array<Bound, bound_things> bound = {
      Bound{"other_list", "this cursor is of another list"},
      Bound{"other_order", "this cursor is of the list in another order; begin it again in this one"},
      Bound{"other_filter", "this cursor is of the list with another filter; begin it again with this one"},
      Bound{"other_caller", "this cursor was given to somebody else, or in another workspace"}};
  const auto now = head(binding);
  for (std::size_t i = 0; i < bound.size(); ++i)
    if (!same(signed_part.substr(2 + i * hash_bytes, hash_bytes), now.substr(i * hash_bytes, hash_bytes)))
      return refuse(param, bound[i].why, bound[i].sentence);
  return values_in(signed_part.substr(head_bytes));
}

}  // namespace mayfly::query
