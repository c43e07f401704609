#pragma once
// A connection that leaves HTTP: asked for with an Upgrade, then bytes both ways, through TLS where the URL says https.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace mayfly::http {

class ClientTunnel {
 public:
  /// Asks for `path` with "Upgrade: `protocol`". Either the tunnel, or the answer to the request when it was no 101.
  struct Opened {
    std::unique_ptr<ClientTunnel> tunnel;
    Response refusal;
  };
  static Result<Opened> open(const std::string& base_url, const std::string& path, const Headers& headers,
                             const std::string& protocol, const std::string& ca_file);
  ~ClientTunnel();

  int socket() const;   // to wait on; receive() first, since bytes may be here already
  /// Nothing: none yet. 0: the other side has ended.
  Result<std::optional<std::size_t>> receive(std::span<char> room);
  /// How much of it was taken; 0: none now.
  Result<std::size_t> send(std::string_view bytes);
  void end_sending();

 private:
  struct Impl;
  explicit ClientTunnel(std::unique_ptr<Impl> impl);
  Result<std::string> receive_head();
  Status send_all(std::string_view bytes);
  Status wait(short events) const;

  const std::unique_ptr<Impl> impl_;
};

}  // namespace mayfly::http
