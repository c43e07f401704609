#include "http/client_tunnel.h"

#include <array>

#include <curl/curl.h>
#include <poll.h>
#include <sys/socket.h>

#include "http/answer_head.h"

namespace mayfly::http {

namespace {

constexpr long connect_patience_ms = 10'000;
constexpr int answer_patience_ms = 60'000;   // a sandbox may be starting
constexpr std::size_t head_limit = 64 * 1024;
constexpr std::size_t refusal_limit = 1 << 20;

/// "example.org:7070" and the path of "https://example.org:7070/below".
std::pair<std::string, std::string> host_and_path(const std::string& url) {
  const auto begin = url.find("://") + 3;
  const auto slash = std::min(url.find('/', begin), url.size());
  return {url.substr(begin, slash - begin), url.substr(slash)};
}

}  // namespace

struct ClientTunnel::Impl {
  CURL* handle = ::curl_easy_init();
  std::string place;
  std::string early;   // came with the head
  ~Impl() { ::curl_easy_cleanup(handle); }
};

ClientTunnel::ClientTunnel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ClientTunnel::~ClientTunnel() = default;

Result<ClientTunnel::Opened> ClientTunnel::open(const std::string& base_url, const std::string& path,
                                                const Headers& headers, const std::string& protocol,
                                                const std::string& ca_file) {
  const auto [host, below] = host_and_path(base_url);
  auto impl = std::make_unique<Impl>();
  impl->place = host;
  if (!impl->handle) return fail(Code::internal, "libcurl gave no handle");
  const auto set = [&](auto option, auto value) { ::curl_easy_setopt(impl->handle, option, value); };
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_URL, base_url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_PROXY, "");
  set(CURLOPT_CONNECT_ONLY, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, connect_patience_ms);
  set(CURLOPT_SSL_ENABLE_ALPN, 0L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!ca_file.empty()) set(CURLOPT_CAINFO, ca_file.c_str());
  if (const auto code = ::curl_easy_perform(impl->handle); code != CURLE_OK)
    return fail(Code::unavailable, "cannot connect to " + host + ": " + ::curl_easy_strerror(code));

  Opened opened;
  opened.tunnel.reset(new ClientTunnel(std::move(impl)));
  std::string request = "GET " + below + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: " +
                        protocol + "\r\n";
  for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
  TRY(opened.tunnel->send_all(request + "\r\n"));
  const auto head = TRY(parse_answer_head(TRY(opened.tunnel->receive_head())));
  if (head.status == 101) return opened;

  opened.refusal.status = head.status;
  opened.refusal.headers = head.headers;
  auto& body = opened.refusal.body;
  body = std::move(opened.tunnel->impl_->early);
  std::array<char, 4096> room;
  while (body.size() < std::min<std::uint64_t>(head.content_length.value_or(0), refusal_limit)) {
    const auto got = TRY(opened.tunnel->receive(room));
    if (got && *got == 0) break;
    if (got) body.append(room.data(), *got);
    else TRY(opened.tunnel->wait(POLLIN));
  }
  opened.tunnel.reset();
  return opened;
}

int ClientTunnel::socket() const {
  curl_socket_t socket = CURL_SOCKET_BAD;
  ::curl_easy_getinfo(impl_->handle, CURLINFO_ACTIVESOCKET, &socket);
  return socket;
}

Result<std::optional<std::size_t>> ClientTunnel::receive(std::span<char> room) {
  if (!impl_->early.empty()) {
    const auto size = impl_->early.copy(room.data(), room.size());
    impl_->early.erase(0, size);
    return size;
  }
  std::size_t size = 0;
  const auto code = ::curl_easy_recv(impl_->handle, room.data(), room.size(), &size);
  if (code == CURLE_AGAIN) return std::nullopt;
  if (code == CURLE_OK) return size;
  return fail(Code::unavailable, "the connection to " + impl_->place + " broke off: " + ::curl_easy_strerror(code));
}

Result<std::size_t> ClientTunnel::send(std::string_view bytes) {
  std::size_t size = 0;
  const auto code = ::curl_easy_send(impl_->handle, bytes.data(), bytes.size(), &size);
  if (code == CURLE_AGAIN) return std::size_t(0);
  if (code == CURLE_OK) return size;
  return fail(Code::unavailable, "the connection to " + impl_->place + " broke off: " + ::curl_easy_strerror(code));
}

void ClientTunnel::end_sending() { ::shutdown(socket(), SHUT_WR); }

Result<std::string> ClientTunnel::receive_head() {
  std::string bytes;
  std::array<char, 4096> room;
  while (bytes.size() < head_limit) {
    const auto got = TRY(receive(room));
    if (!got) {
      TRY(wait(POLLIN));
      continue;
    }
    if (*got == 0) return fail(Code::unavailable, impl_->place + " closed the connection before its answer");
    bytes.append(room.data(), *got);
    const auto end = bytes.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    impl_->early = bytes.substr(end + 4);
    return bytes.substr(0, end + 4);
  }
  return fail(Code::internal, "the head of the answer of " + impl_->place + " has no end");
}

Status ClientTunnel::send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = TRY(send(bytes));
    bytes.remove_prefix(sent);
    if (sent == 0) TRY(wait(POLLOUT));
  }
  return {};
}

Status ClientTunnel::wait(short events) const {
  pollfd watched{socket(), events, 0};
  if (::poll(&watched, 1, answer_patience_ms) > 0) return {};
  return fail(Code::timed_out, impl_->place + " did not answer in time");
}

}  // namespace mayfly::http
