#include "driver/agent_client/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace mayfly::agent_client {

namespace {

/// A reply's message ends up in logs and terminals: no control characters of a guest get there.
Error tamed(Error error) {
  for (auto* text : {&error.message, &error.reason})
    for (char& c : *text)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return error;
}

tl::unexpected<Error> cannot_connect(const Address& address, int number) {
  const auto code = number == EMFILE || number == ENFILE ? Code::exhausted : Code::unavailable;
  return fail(code, "connect to the agent of " + address.who + " at " + address.path + ": " + std::strerror(number));
}

/// Fills the name of the socket; `folder` must stay open until it is used.
Status name_of(const Address& address, sockaddr_un& name, os::Fd& folder) {
  name = {};
  name.sun_family = AF_UNIX;
  auto path = address.path;
  if (path.size() >= sizeof name.sun_path) {
    const auto slash = path.rfind('/');
    const auto parent = slash == path.npos ? "." : path.substr(0, slash + 1);
    folder = os::Fd(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return cannot_connect(address, errno);
    path = "/proc/self/fd/" + std::to_string(folder.get()) + "/" + path.substr(slash + 1);
  }
  if (path.size() >= sizeof name.sun_path) return cannot_connect(address, ENAMETOOLONG);
  std::copy(path.begin(), path.end(), name.sun_path);
  return {};
}

}  // namespace

tl::unexpected<Error> nonsense(std::string_view who, std::string_view what) {
  return fail(Code::internal,
              "the agent of " + std::string(who) + " does not speak our protocol: " + std::string(what));
}

tl::unexpected<Error> hung_up(std::string_view who) {
  return fail(Code::unavailable, "the agent of " + std::string(who) + " ended the connection before its answer");
}

tl::unexpected<Error> too_late(std::string_view who) {
  return fail(Code::timed_out, "the agent of " + std::string(who) + " did not answer in time");
}

Result<std::optional<os::Fd>> dial(const Address& address) {
  sockaddr_un name;
  os::Fd folder;
  TRY(name_of(address, name, folder));
  os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return cannot_connect(address, errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0)
    return std::optional(std::move(socket));
  if (errno == EAGAIN) return std::optional<os::Fd>();
  return cannot_connect(address, errno);
}

Result<bool> ReplyReader::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto wanted = header_ ? header_->length : wire::header_size;
    const auto piece = bytes.substr(0, wanted - pending_.size());
    pending_.append(piece);
    bytes.remove_prefix(piece.size());
    if (pending_.size() < wanted) return false;
    if (!header_) {
      const auto header = wire::decode_header(std::span<const char, wire::header_size>(pending_.data(), wanted));
      if (!header) return nonsense(who_, header.error().message);
      header_ = *header;
      pending_.clear();
      if (header_->length > 0) continue;
    }
    if (TRY(take_frame())) return true;
    header_.reset();
    pending_.clear();
  }
  return false;
}

Result<bool> ReplyReader::take_frame() {
  switch (header_->kind) {
    case wire::Kind::error: return tl::unexpected(tamed(wire::decode_error(pending_)));
    case wire::Kind::answer:
      if (answered_) break;
      answered_ = true;
      reply_.fields = std::move(pending_);
      return !content_limit_;
    case wire::Kind::data:
      if (!answered_ || pending_.empty()) break;
      if (reply_.content.size() + pending_.size() > *content_limit_)
        return nonsense(who_, "more content than " + std::to_string(*content_limit_) + " bytes");
      reply_.content += pending_;
      return false;
    case wire::Kind::end:
      if (!answered_ || !pending_.empty()) break;
      return true;
    case wire::Kind::request: break;
  }
  return nonsense(who_, "a frame out of its order");
}

Result<Connection> Connection::open(const Address& address, Deadline until) {
  // A full queue wakes nobody who waits for room in it by poll: look again, ever more rarely.
  auto pause = std::chrono::milliseconds(1);
  for (;;) {
    auto socket = TRY(dial(address));
    if (socket) return Connection(std::move(*socket), address.who);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return too_late(address.who);
    ::poll(nullptr, 0, static_cast<int>(std::min(left, pause).count()));
    pause = std::min(pause * 2, std::chrono::milliseconds(50));
  }
}

Result<Reply> Connection::call(std::string_view request, std::optional<std::size_t> content_limit, Deadline until) {
  // An agent that refuses us may have hung up before it read the request; what it said is still there to be read.
  if (const auto sent = send(request, until); !sent && sent.error().code != Code::unavailable)
    return tl::unexpected(sent.error());
  ReplyReader reader(who_, content_limit);
  std::array<char, 16 << 10> buffer;
  for (;;) {
    const auto got = TRY(receive(buffer, until));
    if (TRY(reader.take({buffer.data(), got}))) return reader.reply();
  }
}

Status Connection::send(std::string_view bytes, Deadline until) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    else if (errno == EAGAIN)
      TRY(wait_for(POLLOUT, until));
    else if (errno != EINTR)
      return hung_up(who_);
  }
  return {};
}

Result<std::string> Connection::receive_answer(Deadline until) {
  const auto header = TRY(receive_header(until));
  auto fields = TRY(receive_body(header, until));
  if (header.kind != wire::Kind::answer) return nonsense("a frame out of its order");
  return fields;
}

Result<wire::Header> Connection::receive_header(Deadline until) {
  wire::HeaderBytes bytes;
  TRY(receive_all(bytes, until));
  const auto header = wire::decode_header(bytes);
  if (!header) return nonsense(header.error().message);
  return *header;
}

Result<std::string> Connection::receive_body(const wire::Header& header, Deadline until) {
  std::string body(header.length, '\0');
  TRY(receive_all(body, until));
  if (header.kind == wire::Kind::error) return tl::unexpected(tamed(wire::decode_error(body)));
  return body;
}

Result<std::size_t> Connection::receive(std::span<char> room, Deadline until) {
  for (;;) {
    const auto got = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) return hung_up(who_);
    TRY(wait_for(POLLIN, until));
  }
}

bool Connection::readable(Deadline until) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  pollfd watched{socket_.get(), POLLIN, 0};
  return ::poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000))) > 0;
}

void Connection::shut() { ::shutdown(socket_.get(), SHUT_RDWR); }

tl::unexpected<Error> Connection::nonsense(std::string_view what) const { return agent_client::nonsense(who_, what); }

Status Connection::wait_for(short events, Deadline until) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  if (left.count() <= 0) return too_late(who_);
  constexpr auto longest = std::chrono::milliseconds(3'600'000);
  pollfd watched{socket_.get(), events, 0};
  ::poll(&watched, 1, static_cast<int>(std::min(left, longest).count()));
  return {};
}

Status Connection::receive_all(std::span<char> room, Deadline until) {
  while (!room.empty()) room = room.subspan(TRY(receive(room, until)));
  return {};
}

}  // namespace mayfly::agent_client
