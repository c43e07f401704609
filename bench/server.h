#pragma once

#include <functional>
#include <string>

#include <boost/json.hpp>

#include "http/client.h"

namespace mayfly::bench {

/// A server of its own on an empty data directory, stopped and removed at the end.
class Server {
 public:
  explicit Server(const std::string& bin, const std::string& configuration = {});   // TOML
  ~Server();

  /// Stops the server for as long as `work` takes; it is given the data folder.
  void while_down(const std::function<void(const std::string& data)>& work);

  const std::string& data() const { return data_; }
  int pid() const { return pid_; }
  http::Client client() const;

 private:
  void start();
  std::string bin_, folder_, data_, url_;
  int pid_ = -1;
};

/// The answer as JSON; prints it and ends the program unless its status is `expected`.
boost::json::object call(http::Client& client, const std::string& method, const std::string& path, int expected,
                         const std::string& body = {});
std::string text(const boost::json::object& object, const char* key);

}  // namespace mayfly::bench
