#pragma once
// Where the parts of an HTTP/1.1 request end, byte by byte and without looking at a socket.

#include <cstdint>
#include <string>
#include <string_view>

namespace mayfly::http {

/// Finds the end of a head that arrives in pieces. A line that ends without CR, or continues the one before, is
/// malformed at once: what two parsers may read differently is never passed on.
class HeadScanner {
 public:
  enum class State { incomplete, complete, malformed };

  /// `bytes` is everything since the request line began, earlier pieces included.
  State scan(std::string_view bytes);
  /// Of the complete head, its empty line included.
  std::size_t size() const { return line_; }

 private:
  std::size_t seen_ = 0;
  std::size_t line_ = 0;  // where the current line begins
};

/// Takes a body out of its framing: a known length, or chunks.
class BodyDecoder {
 public:
  static BodyDecoder of_length(std::uint64_t length);
  static BodyDecoder chunked();

  /// Appends what `in` holds of the body to `out`, stops at the body's end; returns how much of `in` was used.
  std::size_t feed(std::string_view in, std::string& out);
  bool done() const { return at_ == At::end; }
  bool broken() const { return at_ == At::broken; }

 private:
  enum class At {
    plain, size_start, size, extension, size_lf, data, data_cr, data_lf, trailer_start, trailer, trailer_lf, last_lf,
    end, broken
  };
  BodyDecoder(At at, std::uint64_t left) : at_(at), left_(left) {}
  At step(char c);
  At after_size(char c) const;

  At at_;
  std::uint64_t left_;         // of the body, or of the current chunk
  std::size_t overhead_ = 0;   // bytes of the current chunk's extension, or of all trailers
};

}  // namespace mayfly::http
