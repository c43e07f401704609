#pragma once
// The language of the server and the agent: frames over a stream socket, and typed fields in a frame.
// docs/agent-protocol.md lists the operations and their fields. Each side takes the other for hostile: a length is
// believed only below its limit, and a field only when its type, its size and its place are right.

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly::wire {

constexpr std::uint8_t version = 1;
constexpr std::size_t header_size = 8;
constexpr std::size_t body_limit = 1 << 20;        // of any frame
constexpr std::size_t chunk_size = 64 << 10;       // of content in one data frame, as we send it
constexpr std::size_t path_limit = 4096;           // PATH_MAX of the kernel
constexpr std::size_t list_limit = 10'000;         // entries in one answer
constexpr std::size_t list_bytes_limit = 8 << 20;  // of these entries, encoded
constexpr std::size_t log_limit = 1 << 20;         // bytes kept of each stream of a process
constexpr std::size_t process_limit = 1024;        // running at a time
constexpr std::size_t ended_limit = 128;           // ended ones that are remembered
constexpr std::size_t argument_limit = 16'384;     // arguments of one command
constexpr std::size_t token_limit = 4096;          // tokens of commands that are remembered
constexpr std::size_t variable_limit = 4096;       // environment variables of one command

enum class Kind : std::uint8_t {
  request = 1,
  answer = 2,  // the operation succeeded; its fields
  error = 3,   // it did not, or the content cannot go on
  data = 4,    // a piece of content, never empty
  end = 5,     // the content is complete
};

enum class Operation : std::uint16_t {
  none = 0,  // of every frame that is not a request
  status = 1,
  spawn = 2,
  run = 3,
  processes = 4,
  process = 5,
  wait = 6,
  signal = 7,
  log = 8,
  run_once = 9,
  attach = 10,
  follow = 11,
  run_open = 12,
  feed = 13,
  stat = 20,
  list = 21,
  tree = 22,
  read = 23,
  write = 24,
  mkdir = 25,
  move = 26,
  remove = 27,
  mode = 28,
  link = 29,
  let_sleep = 50,
  holding = 51,
  connect = 40,
};

struct Header {
  Kind kind = Kind::request;
  Operation operation = Operation::none;
  std::uint32_t length = 0;  // of the body that follows
};

using HeaderBytes = std::array<char, header_size>;
HeaderBytes encode(const Header& header);
/// Code::unsupported for another version, Code::invalid for anything else that we would not send.
Result<Header> decode_header(std::span<const char, header_size> bytes);

/// Puts one frame together.
class Writer {
 public:
  explicit Writer(Kind kind, Operation operation = Operation::none);
  Writer& integer(std::int64_t value);
  Writer& text(std::string_view bytes);
  Writer& boolean(bool value) { return integer(value ? 1 : 0); }
  /// What follows is a list of that many elements.
  Writer& count(std::size_t elements);

  bool too_long() const { return frame_.size() > header_size + body_limit; }
  std::size_t body_size() const { return frame_.size() - header_size; }
  /// The whole frame, header included; ends the writer. Not when too_long().
  std::string frame();
  /// The fields alone: a record of content.
  std::string body() const { return frame_.substr(header_size); }

 private:
  Kind kind_;
  Operation operation_;
  std::string frame_;
};

/// Takes fields apart in the order they were written. The first field that is not as expected spoils the reader:
/// from then on every field reads as 0 or empty, and `end` tells what was wrong.
class Reader {
 public:
  explicit Reader(std::string_view body) : rest_(body) {}

  std::int64_t integer(std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t most = std::numeric_limits<std::int64_t>::max());
  std::string text(std::size_t limit);
  bool boolean() { return integer(0, 1) == 1; }
  /// Never more than `limit`, nor more than could stand in what is left.
  std::size_t count(std::size_t limit);

  bool good() const { return wrong_ == nullptr; }
  bool at_end() const { return rest_.empty(); }
  /// Success when every field was as expected and none is left.
  Status end(std::string_view what) const;

 private:
  bool type(char expected);
  std::uint64_t number(std::size_t bytes);
  void spoil(const char* why);

  std::string_view rest_;
  const char* wrong_ = nullptr;
};

/// The frame that tells of trouble; messages are cut to a bounded length.
std::string error_frame(const Error& error);
/// What an error frame's body says. Codes that no operation gives become Code::internal.
Error decode_error(std::string_view body);

}  // namespace mayfly::wire
