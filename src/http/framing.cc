#include "http/framing.h"

#include <algorithm>

namespace mayfly::http {

namespace {

// Nobody needs extensions or trailers; they are skipped, and cannot be used to keep a parser busy for ever.
constexpr std::size_t overhead_limit = 4096;
// A chunk of 2^60 bytes is no chunk; more digits could overflow.
constexpr std::uint64_t chunk_limit = std::uint64_t(1) << 60;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; }

}  // namespace

HeadScanner::State HeadScanner::scan(std::string_view bytes) {
  while (true) {
    const auto newline = bytes.find('\n', seen_);
    if (newline == std::string_view::npos) {
      seen_ = bytes.size();
      return State::incomplete;
    }
    if (newline == line_ || bytes[newline - 1] != '\r') return State::malformed;
    if (bytes[line_] == ' ' || bytes[line_] == '\t') return State::malformed;
    const bool empty = newline == line_ + 1;
    seen_ = line_ = newline + 1;
    if (empty) return State::complete;
  }
}

BodyDecoder BodyDecoder::of_length(std::uint64_t length) { return {length == 0 ? At::end : At::plain, length}; }
BodyDecoder BodyDecoder::chunked() { return {At::size_start, 0}; }

std::size_t BodyDecoder::feed(std::string_view in, std::string& out) {
  std::size_t used = 0;
  while (used < in.size() && !done() && !broken()) {
    if (at_ != At::plain && at_ != At::data) {
      at_ = step(in[used++]);
      continue;
    }
    const auto piece = in.substr(used, static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - used)));
    out.append(piece);
    used += piece.size();
    left_ -= piece.size();
    if (left_ == 0) at_ = at_ == At::plain ? At::end : At::data_cr;
  }
  return used;
}

BodyDecoder::At BodyDecoder::step(char c) {
  switch (at_) {
    case At::size_start:
      left_ = 0;
      overhead_ = 0;
      [[fallthrough]];
    case At::size: {
      const int digit = hex_digit(c);
      if (digit < 0) return at_ == At::size ? after_size(c) : At::broken;
      left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
      // Leading zeros count as overhead, or a size could be as long as the sender likes.
      return left_ > chunk_limit || ++overhead_ > 32 ? At::broken : At::size;
    }
    case At::extension:
      if (c == '\r') return At::size_lf;
      return is_control(c) || ++overhead_ > overhead_limit ? At::broken : At::extension;
    case At::size_lf:
      if (c != '\n') return At::broken;
      overhead_ = 0;
      return left_ == 0 ? At::trailer_start : At::data;
    case At::data_cr: return c == '\r' ? At::data_lf : At::broken;
    case At::data_lf: return c == '\n' ? At::size_start : At::broken;
    case At::trailer_start:
      if (c == '\r') return At::last_lf;
      [[fallthrough]];
    case At::trailer:
      if (c == '\r') return At::trailer_lf;
      return is_control(c) || ++overhead_ > overhead_limit ? At::broken : At::trailer;
    case At::trailer_lf: return c == '\n' ? At::trailer_start : At::broken;
    case At::last_lf: return c == '\n' ? At::end : At::broken;
    case At::plain: case At::data: case At::end: case At::broken: break;
  }
  return At::broken;
}

BodyDecoder::At BodyDecoder::after_size(char c) const {
  if (c == '\r') return At::size_lf;
  return c == ';' || c == ' ' || c == '\t' ? At::extension : At::broken;
}

}  // namespace mayfly::http
