#include "os/manifest_line.h"

#include <array>
#include <cstdio>

namespace mayfly::os {

namespace {

constexpr char digits[] = "0123456789abcdef";

/// Bytes of the UTF-8 character at the front of `text`, 0 when there is none.
std::size_t character(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies past the last code point.
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return size;
}

void add_string(std::string& line, std::string_view text) {
  line += '"';
  while (!text.empty()) {
    const std::size_t size = character(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    if (size == 0 || byte == '%') {
      line += '%';
      line += digits[byte >> 4];
      line += digits[byte & 15];
      text.remove_prefix(1);
      continue;
    }
    if (byte == '"' || byte == '\\') {
      line += '\\';
      line += static_cast<char>(byte);
    } else if (byte < 0x20 || byte == 0x7f) {
      line += "\\u00";
      line += digits[byte >> 4];
      line += digits[byte & 15];
    } else {
      line += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  line += '"';
}

void add_number(std::string& line, const char* name, std::int64_t number) {
  line += ",\"";
  line += name;
  line += "\":";
  line += std::to_string(number);
}

/// Nanoseconds since 1970, for any time_t: the product may not fit in 64 bits.
void add_time(std::string& line, timespec time) {
  std::int64_t seconds = time.tv_sec;
  long nanoseconds = time.tv_nsec;
  line += ",\"mtime_ns\":";
  if (seconds < 0) {
    line += '-';
    if (nanoseconds > 0) {
      ++seconds;
      nanoseconds = 1'000'000'000 - nanoseconds;
    }
  }
  const auto whole = seconds < 0 ? 0 - static_cast<std::uint64_t>(seconds) : static_cast<std::uint64_t>(seconds);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%09ld", nanoseconds);
  std::string number = (whole == 0 ? "" : std::to_string(whole)) + text.data();
  number.erase(0, std::min(number.find_first_not_of('0'), number.size() - 1));
  line += number;
}

void add_owner(std::string& line, const LayerEntry& entry, bool with_mode) {
  if (with_mode) add_number(line, "mode", entry.mode);
  add_number(line, "uid", entry.uid);
  add_number(line, "gid", entry.gid);
  add_time(line, entry.mtime);
}

void add_xattrs(std::string& line, const LayerEntry& entry) {
  if (entry.xattrs.empty()) return;
  line += ",\"xattrs\":";
  char before = '{';
  for (const auto& [name, value] : entry.xattrs) {
    line += before;
    before = ',';
    add_string(line, name);
    line += ':';
    add_string(line, value);
  }
  line += '}';
}

void add_member(std::string& line, const char* name, std::string_view text) {
  line += ",\"";
  line += name;
  line += "\":";
  add_string(line, text);
}

}  // namespace

std::string manifest_text(std::string_view bytes) {
  constexpr std::size_t longest = 1024;
  std::string text;
  while (!bytes.empty()) {
    if (text.size() >= longest) return text + "...";
    const std::size_t size = character(bytes);
    const auto byte = static_cast<unsigned char>(bytes[0]);
    if (size == 0 || byte == '%') {
      text += {'%', digits[byte >> 4], digits[byte & 15]};
      bytes.remove_prefix(1);
      continue;
    }
    text += bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
  return text;
}

std::string manifest_line(const LayerEntry& entry, const ContentDigest& content) {
  std::string line = "{\"path\":";
  line.reserve(256);
  add_string(line, entry.path);
  switch (entry.type) {
    case LayerEntry::Type::file:
      line += ",\"type\":\"file\"";
      add_number(line, "size", entry.size);
      add_owner(line, entry, true);
      add_member(line, "sha256", content.sha256);
      if (!content.zeros.empty()) add_member(line, "zeros", content.zeros);
      add_xattrs(line, entry);
      break;
    case LayerEntry::Type::folder:
      line += ",\"type\":\"folder\"";
      add_owner(line, entry, true);
      add_xattrs(line, entry);
      break;
    case LayerEntry::Type::link:
      line += ",\"type\":\"link\"";
      add_member(line, "target", entry.target);
      add_owner(line, entry, false);
      add_xattrs(line, entry);
      break;
    case LayerEntry::Type::hardlink:
      line += ",\"type\":\"hardlink\"";
      add_member(line, "target", entry.target);
      break;
    case LayerEntry::Type::whiteout: line += ",\"type\":\"whiteout\""; break;
    case LayerEntry::Type::opaque: line += ",\"type\":\"opaque\""; break;
  }
  line += "}\n";
  return line;
}

}  // namespace mayfly::os
