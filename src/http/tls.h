#pragma once
// TLS without sockets: what came from the other side goes in, what is to be sent comes out.

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly::http {

/// The server's end of one connection. For one thread at a time.
class TlsSession {
 public:
  struct Impl;
  explicit TlsSession(std::unique_ptr<Impl> impl);
  ~TlsSession();

  void feed(std::string_view sealed);    // from the other side
  std::string drain();                   // for the other side

  /// False when there will be no connection; why is told to the other side.
  bool handshake();
  bool established() const;
  /// Plain bytes that have come; 0: none yet, or none any more.
  std::size_t take(std::span<char> room);
  bool ended() const { return ended_; }
  bool broken() const { return broken_; }
  bool put(std::string_view plain);
  void end();                            // our side says no more

 private:
  const std::unique_ptr<Impl> impl_;
  bool ended_ = false;
  bool broken_ = false;
};

/// A certificate chain and its key, from two PEM files. From any thread.
class TlsFiles {
 public:
  /// invalid: a file cannot be read, is no PEM, or the key is not the certificate's. Says which and why.
  static Result<std::shared_ptr<TlsFiles>> load(std::string certificate, std::string key);
  ~TlsFiles();

  /// Reads the files again if they have changed since, or in any case. On trouble the old ones stay in use.
  /// True: new ones are in use from now on, for new connections.
  Result<bool> reload(bool in_any_case);
  /// nullptr without memory.
  std::unique_ptr<TlsSession> session() const;

 private:
  struct Loaded;
  TlsFiles(std::string certificate, std::string key);
  static Result<std::shared_ptr<Loaded>> read(const std::string& certificate, const std::string& key);

  const std::string certificate_, key_;
  mutable std::mutex mutex_;
  std::shared_ptr<Loaded> loaded_;
  std::string seen_;   // what the files looked like when they were read last
};

}  // namespace mayfly::http
