#include "cli/feeder.h"

#include <cerrno>
#include <cstdlib>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli/failure.h"

namespace mayfly::cli {

struct Feeder::Over {
  const int event = ::eventfd(0, EFD_CLOEXEC);
  ~Over() { ::close(event); }
  bool said() const {
    pollfd watched{event, POLLIN, 0};
    return ::poll(&watched, 1, 0) > 0;
  }
};

namespace {

constexpr std::size_t piece_size = 64 << 10;
constexpr std::chrono::seconds answer_timeout{60};

/// The next bytes; empty at the end, or when it is over.
std::string next_piece(int over) {
  pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {over, POLLIN, 0}};
  while (::poll(watched, 2, -1) < 0 && errno == EINTR) {}
  if (watched[1].revents != 0) return {};
  std::string piece(piece_size, '\0');
  ssize_t got = 0;
  do got = ::read(STDIN_FILENO, piece.data(), piece.size());
  while (got < 0 && errno == EINTR);
  piece.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return piece;
}

/// Gives all of it, however long the process takes to read it. False: it takes no more.
bool give(ApiClient& api, const std::string& path, std::string piece, const std::function<bool()>& over) {
  for (bool first = true; first || !piece.empty(); first = false) {
    if (over()) return false;
    const auto answer =
        api.ask("feed the command", {.method = "POST",
                                     .path = path,
                                     .headers = {{"Content-Type", "application/octet-stream"}},
                                     .body = piece,
                                     .timeout = answer_timeout});
    if (!answer) return false;
    if (answer->status / 100 == 2) return true;
    if (refusal(*answer).reason != "stdin_full") return false;
    const auto* written = http::find(answer->headers, "X-Stdin-Written");
    piece.erase(0, written ? std::strtoul(written->c_str(), nullptr, 10) : 0);
  }
  return true;
}

}  // namespace

Feeder::~Feeder() {
  if (over_) ::eventfd_write(over_->event, 1);
}

void Feeder::start(const Target& target, const std::string& path) {
  over_ = std::make_shared<Over>();
  std::thread([target, path, over = over_] {
    ApiClient api(target);
    const auto said = [&] { return over->said(); };
    for (auto piece = next_piece(over->event); !piece.empty(); piece = next_piece(over->event))
      if (!give(api, path, std::move(piece), said)) return;
    if (!said()) (void)give(api, path + "?close=true", {}, said);
  }).detach();
}

}  // namespace mayfly::cli
