#include "agent/channel.h"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>
#include <sys/time.h>

namespace mayfly::agent {

namespace {

// A caller that neither speaks nor listens for so long is gone, or gives its content too slowly to be waited for.
constexpr timeval patience{.tv_sec = 300, .tv_usec = 0};

std::string header_of(wire::Kind kind, std::size_t length) {
  const auto bytes = wire::encode(wire::Header{kind, wire::Operation::none, static_cast<std::uint32_t>(length)});
  return {bytes.data(), bytes.size()};
}

}  // namespace

Channel::Channel(Fd socket) : socket_(std::move(socket)) {
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

Result<Frame> Channel::receive() {
  wire::HeaderBytes bytes;
  TRY(receive_bytes(bytes.data(), bytes.size()));
  Frame frame;
  frame.header = TRY(wire::decode_header(bytes));
  frame.body.resize(frame.header.length);
  TRY(receive_bytes(frame.body.data(), frame.body.size()));
  return frame;
}

Status Channel::send(Answer answer) {
  if (answer.fields.too_long()) return send_error({Code::too_large, "the answer does not fit into a frame", {}, {}});
  auto bytes = answer.fields.frame();
  if (!answer.content) return send_bytes(bytes);
  // Small answers leave in one piece: one system call, and one wake-up of the other side.
  for (std::string_view rest = *answer.content; !rest.empty();) {
    const auto piece = rest.substr(0, wire::chunk_size);
    bytes.append(header_of(wire::Kind::data, piece.size())).append(piece);
    rest.remove_prefix(piece.size());
    if (bytes.size() < wire::chunk_size) continue;
    TRY(send_bytes(bytes));
    bytes.clear();
  }
  return send_bytes(bytes + header_of(wire::Kind::end, 0));
}

Status Channel::send_data(std::string_view bytes) {
  TRY(send_bytes(header_of(wire::Kind::data, bytes.size())));
  return send_bytes(bytes);
}

Status Channel::send_end() { return send_bytes(header_of(wire::Kind::end, 0)); }

Status Channel::send_error(const Error& error) { return send_bytes(wire::error_frame(error)); }

Status Channel::send_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return fail(Code::unavailable, "the caller does not listen");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Status Channel::receive_bytes(char* to, std::size_t size) {
  while (size > 0) {
    const auto got = ::recv(socket_.get(), to, size, MSG_WAITALL);
    if (got <= 0) return fail(Code::unavailable, "the caller has hung up");
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return {};
}

}  // namespace mayfly::agent
