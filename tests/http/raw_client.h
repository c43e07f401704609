#pragma once
// A client that sends any bytes it likes, for what a proper client would never do.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace mayfly::http {

struct RawAnswer {
  int status = 0;
  Headers headers;
  std::string body;
  bool whole = false;   // false: the connection ended within it

  std::string header(std::string_view name) const {
    const auto* value = find(headers, name);
    return value ? *value : "";
  }
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    // A net below tests that would otherwise hang; none depends on its length.
    const timeval net{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &net, sizeof net);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &net, sizeof net);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(); }
  RawClient(RawClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_), unread_(std::move(other.unread_)) {}

  bool connected() const { return connected_; }
  int socket() const { return socket_; }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  void end_sending() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }

  // Whether something can be read, the end included, within that time.
  bool readable_within(int milliseconds) {
    pollfd waiting{socket_, POLLIN, 0};
    return !unread_.empty() || ::poll(&waiting, 1, milliseconds) > 0;
  }

  // Whether the server has ended the connection; what still came is thrown away.
  bool ended() {
    while (more()) unread_.clear();
    return ended_;
  }

  RawAnswer receive(bool head_only = false) {
    RawAnswer answer;
    std::size_t end = 0;
    while ((end = unread_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return answer;
    }
    parse_head(answer, unread_.substr(0, end + 2));
    unread_.erase(0, end + 4);
    if (answer.status == 100) return answer;
    if (head_only || answer.status == 204 || answer.status == 304) {
      answer.whole = true;
    } else if (answer.header("Transfer-Encoding") == "chunked") {
      answer.whole = take_chunks(answer.body);
    } else if (!answer.header("Content-Length").empty()) {
      answer.whole = take(std::stoull(answer.header("Content-Length")), answer.body);
    } else {
      while (more()) {
      }
      answer.body = std::exchange(unread_, {});
      answer.whole = ended_;
    }
    return answer;
  }

  RawAnswer call(std::string_view bytes) {
    send(bytes);
    return receive();
  }

  // Bytes as they come, for large answers; 0 is the end.
  std::size_t receive_some(char* room, std::size_t size) {
    if (!unread_.empty()) {
      const auto known = unread_.copy(room, size);
      unread_.erase(0, known);
      return known;
    }
    const auto count = ::recv(socket_, room, size, 0);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }

 private:
  bool more() {
    std::array<char, 16384> room{};
    const auto count = ::recv(socket_, room.data(), room.size(), 0);
    // A reset is an end too; a receive timeout is none.
    ended_ = count == 0 || (count < 0 && errno == ECONNRESET);
    if (count <= 0) return false;
    unread_.append(room.data(), static_cast<std::size_t>(count));
    return true;
  }

  bool take(std::size_t size, std::string& out) {
    while (unread_.size() < size) {
      if (!more()) return false;
    }
    out += unread_.substr(0, size);
    unread_.erase(0, size);
    return true;
  }

  bool take_chunks(std::string& out) {
    while (true) {
      std::size_t end = 0;
      while ((end = unread_.find("\r\n")) == std::string::npos) {
        if (!more()) return false;
      }
      const auto size = std::strtoull(unread_.c_str(), nullptr, 16);
      unread_.erase(0, end + 2);
      std::string line_end;
      if (!take(size, out) || !take(2, line_end)) return false;
      if (size == 0) return true;
    }
  }

  static void parse_head(RawAnswer& answer, std::string_view head) {
    answer.status = std::atoi(std::string(head.substr(9, 3)).c_str());
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
      const auto line = head.substr(0, head.find("\r\n"));
      const auto colon = line.find(": ");
      if (colon != line.npos) answer.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
      head.remove_prefix(line.size() + 2);
    }
  }

  int socket_;
  bool connected_ = false;
  bool ended_ = false;
  std::string unread_;
};

inline std::string get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

inline std::string post(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

}  // namespace mayfly::http
