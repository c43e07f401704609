#include <array>
#include <charconv>
#include <cstring>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/byte_channel.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/failure.h"
#include "http/client_tunnel.h"

namespace mayfly::cli {

namespace {

constexpr std::size_t piece_size = 64 << 10;

struct Ports {
  int local = 0;    // 0: any free one
  int remote = 0;
};

Result<int> number_of(std::string_view text, int least) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= least && number <= 65'535) return number;
  return fail(Code::invalid, "expected [LOCAL:]PORT, with numbers up to 65535; got \"" + std::string(text) + "\"");
}

Result<Ports> read_ports(const std::string& text) {
  const auto colon = text.find(':');
  Ports ports;
  ports.remote = TRY(number_of(colon == text.npos ? text : text.substr(colon + 1), 1));
  ports.local = colon == text.npos ? ports.remote : TRY(number_of(text.substr(0, colon), 0));
  return ports;
}

/// On the loopback interface alone: whoever can connect acts with our key.
Result<ByteChannel> listen_on(int& port) {
  ByteChannel listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener.get(), 64) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return tl::unexpected(errno_error(errno, "cannot listen on 127.0.0.1:" + std::to_string(port)));
  port = ntohs(address.sin_port);
  return listener;
}

/// One way of a connection: bytes that were read and are not written yet, and whether more will come.
struct Way {
  std::string bytes;
  bool ended = false;    // no more will come
  bool told = false;     // and the other side knows
  bool over() const { return ended && bytes.empty(); }
};

Status read_local(const ByteChannel& local, Way& up, std::span<char> room) {
  if (up.ended || !up.bytes.empty()) return {};
  const auto got = ::recv(local.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (got > 0) up.bytes.assign(room.data(), static_cast<std::size_t>(got));
  else if (got == 0) up.ended = true;
  else if (errno != EAGAIN && errno != EINTR) return fail(Code::unavailable, "the local connection broke off");
  return {};
}

Status read_tunnel(http::ClientTunnel& tunnel, Way& down, std::span<char> room) {
  if (down.ended || !down.bytes.empty()) return {};
  const auto got = TRY(tunnel.receive(room));
  if (got && *got > 0) down.bytes.assign(room.data(), *got);
  else if (got) down.ended = true;
  return {};
}

Status write_local(const ByteChannel& local, Way& down) {
  if (!down.bytes.empty()) {
    const auto sent = ::send(local.get(), down.bytes.data(), down.bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) down.bytes.erase(0, static_cast<std::size_t>(sent));
    else if (errno != EAGAIN && errno != EINTR) return fail(Code::unavailable, "the local connection broke off");
  }
  if (down.over() && !std::exchange(down.told, true)) ::shutdown(local.get(), SHUT_WR);
  return {};
}

Status write_tunnel(http::ClientTunnel& tunnel, Way& up) {
  if (!up.bytes.empty()) up.bytes.erase(0, TRY(tunnel.send(up.bytes)));
  if (up.over() && !std::exchange(up.told, true)) tunnel.end_sending();
  return {};
}

/// Until both sides have said their end, or one of them is gone.
Status pump(const ByteChannel& local, http::ClientTunnel& tunnel) {
  Way up, down;
  std::vector<char> room(piece_size);
  while (!up.over() || !down.over()) {
    TRY(read_local(local, up, room));
    TRY(read_tunnel(tunnel, down, room));
    const bool moved = !up.bytes.empty() || !down.bytes.empty();
    TRY(write_tunnel(tunnel, up));
    TRY(write_local(local, down));
    if (moved && up.bytes.empty() && down.bytes.empty()) continue;
    const auto wanted = [](const Way& in, const Way& out) {
      const int events = (!in.ended && in.bytes.empty() ? POLLIN : 0) | (!out.bytes.empty() ? POLLOUT : 0);
      return static_cast<short>(events);
    };
    std::array<pollfd, 2> watched = {pollfd{local.get(), wanted(up, down), 0},
                                     pollfd{tunnel.socket(), wanted(down, up), 0}};
    // One that has hung up says so again and again, also to who asks for nothing.
    for (auto& one : watched)
      if (one.events == 0) one.fd = -1;
    if (watched[0].fd >= 0 || watched[1].fd >= 0) ::poll(watched.data(), watched.size(), -1);
  }
  return {};
}

Status carry(const Target& target, const std::string& path, const ByteChannel& local) {
  auto opened = TRY(http::ClientTunnel::open(target.url, path, headers_for(target), "tcp", target.ca_file));
  if (!opened.tunnel) return tl::unexpected(refusal(opened.refusal));
  return pump(local, *opened.tunnel);
}

}  // namespace

Result<int> port_forward(Session& session, const std::string& sandbox, const std::string& text) {
  auto ports = TRY(read_ports(text));
  // Better told now than at the first connection.
  TRY(session.api.get("forward a port of " + sandbox, path_to("/v1/sandboxes", {sandbox})));
  const auto listener = TRY(listen_on(ports.local));
  const auto remote = std::to_string(ports.remote);
  const auto path = path_to("/v1/sandboxes", {sandbox, "tunnels", remote});
  const json::object listens = {{"address", "127.0.0.1:" + std::to_string(ports.local)}, {"port", ports.remote}};
  session.out.line(session.json ? boost::json::serialize(listens)
                                : "127.0.0.1:" + std::to_string(ports.local) + " -> " + sandbox + ":" + remote);
  static std::mutex err;
  for (;;) {
    ByteChannel local(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!local && (errno == EMFILE || errno == ENFILE)) ::poll(nullptr, 0, 100);
    if (!local) continue;
    // A thread each, which nobody waits for: the command ends when it is interrupted.
    std::thread([&session, target = session.api.target(), path, local = std::move(local)] {
      const auto done = carry(target, path, local);
      if (done) return;
      const std::lock_guard lock(err);
      session.err.write(describe(in_context("cannot forward a connection", done.error())));
    }).detach();
  }
}

}  // namespace mayfly::cli
