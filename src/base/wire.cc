#include "base/wire.h"

#include <algorithm>

namespace mayfly::wire {

namespace {

constexpr std::size_t message_limit = 2048;
constexpr std::size_t integer_size = 9;         // type and eight bytes
constexpr std::size_t smallest_field_size = 5;  // type and a length of four bytes

void put(char* to, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) to[i] = static_cast<char>(value >> (8 * i) & 0xff);
}

std::uint64_t get(const char* from, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t(static_cast<unsigned char>(from[i])) << (8 * i);
  return value;
}

bool known(Kind kind) { return kind >= Kind::request && kind <= Kind::end; }

/// Codes that operations give. The others speak of callers and of the way to the agent, of which it cannot know.
constexpr std::array said_by_agents = {Code::invalid,     Code::denied,    Code::not_found, Code::conflict,
                                       Code::too_large,   Code::exhausted, Code::no_space,  Code::busy,
                                       Code::unsupported, Code::internal};

}  // namespace

HeaderBytes encode(const Header& header) {
  HeaderBytes bytes;
  put(bytes.data(), header.length, 4);
  bytes[4] = static_cast<char>(version);
  bytes[5] = static_cast<char>(header.kind);
  put(bytes.data() + 6, static_cast<std::uint64_t>(header.operation), 2);
  return bytes;
}

Result<Header> decode_header(std::span<const char, header_size> bytes) {
  const auto spoken = static_cast<std::uint8_t>(bytes[4]);
  if (spoken != version)
    return fail(Code::unsupported, "a frame of protocol version " + std::to_string(spoken) + ", we speak version " +
                                       std::to_string(version));
  Header header;
  header.length = static_cast<std::uint32_t>(get(bytes.data(), 4));
  header.kind = static_cast<Kind>(bytes[5]);
  header.operation = static_cast<Operation>(get(bytes.data() + 6, 2));
  if (!known(header.kind)) return fail(Code::invalid, "a frame of an unknown kind");
  if ((header.kind == Kind::request) == (header.operation == Operation::none))
    return fail(Code::invalid, "a frame whose kind and operation do not fit together");
  if (header.length > body_limit)
    return fail(Code::invalid, "a frame of " + std::to_string(header.length) + " bytes, more than the limit of " +
                                   std::to_string(body_limit));
  return header;
}

Writer::Writer(Kind kind, Operation operation) : kind_(kind), operation_(operation), frame_(header_size, '\0') {}

Writer& Writer::integer(std::int64_t value) {
  char field[integer_size] = {'i'};
  put(field + 1, static_cast<std::uint64_t>(value), 8);
  frame_.append(field, sizeof field);
  return *this;
}

Writer& Writer::text(std::string_view bytes) {
  char field[smallest_field_size] = {'t'};
  put(field + 1, bytes.size(), 4);
  frame_.append(field, sizeof field).append(bytes);
  return *this;
}

Writer& Writer::count(std::size_t elements) {
  char field[smallest_field_size] = {'n'};
  put(field + 1, elements, 4);
  frame_.append(field, sizeof field);
  return *this;
}

std::string Writer::frame() {
  CHECK(!too_long());
  const auto header = encode(Header{kind_, operation_, static_cast<std::uint32_t>(body_size())});
  std::copy(header.begin(), header.end(), frame_.begin());
  return std::move(frame_);
}

std::int64_t Reader::integer(std::int64_t least, std::int64_t most) {
  if (!type('i')) return 0;
  const auto value = static_cast<std::int64_t>(number(8));
  if (!good()) return 0;
  if (value >= least && value <= most) return value;
  spoil("an integer out of its range");
  return 0;
}

std::string Reader::text(std::size_t limit) {
  if (!type('t')) return {};
  const auto size = number(4);
  if (!good()) return {};
  if (size > limit || size > rest_.size()) {
    spoil(size > limit ? "a text longer than its limit" : "a text longer than its frame");
    return {};
  }
  std::string text(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return text;
}

std::size_t Reader::count(std::size_t limit) {
  if (!type('n')) return 0;
  const auto elements = number(4);
  if (!good()) return 0;
  if (elements <= limit && elements * smallest_field_size <= rest_.size()) return elements;
  spoil("a list longer than its limit");
  return 0;
}

Status Reader::end(std::string_view what) const {
  if (!good()) return fail(Code::invalid, std::string(what) + " holds " + wrong_);
  if (!rest_.empty()) return fail(Code::invalid, std::string(what) + " holds more fields than it should");
  return {};
}

bool Reader::type(char expected) {
  if (!good()) return false;
  if (rest_.empty()) {
    spoil("fewer fields than it should");
    return false;
  }
  if (rest_.front() != expected) {
    spoil("a field of another type than it should");
    return false;
  }
  rest_.remove_prefix(1);
  return true;
}

std::uint64_t Reader::number(std::size_t bytes) {
  if (rest_.size() < bytes) {
    spoil("a field that is cut off");
    return 0;
  }
  const auto value = get(rest_.data(), bytes);
  rest_.remove_prefix(bytes);
  return value;
}

void Reader::spoil(const char* why) {
  wrong_ = why;
  rest_ = {};
}

std::string error_frame(const Error& error) {
  return Writer(Kind::error)
      .text(name(error.code))
      .text(std::string_view(error.message).substr(0, message_limit))
      .text(std::string_view(error.reason).substr(0, message_limit))
      .frame();
}

Error decode_error(std::string_view body) {
  Reader reader(body);
  const auto code_name = reader.text(32);
  Error error{Code::internal, reader.text(message_limit), reader.text(message_limit), {}};
  if (const auto read = reader.end("the agent's error"); !read) return {Code::internal, read.error().message, {}, {}};
  const auto* code =
      std::find_if(said_by_agents.begin(), said_by_agents.end(), [&](Code each) { return name(each) == code_name; });
  if (code != said_by_agents.end()) error.code = *code;
  return error;
}

}  // namespace mayfly::wire
