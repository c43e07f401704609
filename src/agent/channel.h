#pragma once

#include <string>
#include <string_view>

#include "agent/answer.h"
#include "agent/fd.h"
#include "base/wire.h"

namespace mayfly::agent {

struct Frame {
  wire::Header header;
  std::string body;
};

/// One connection, as frames. Every call waits for the other side, but not for ever; after an error the connection
/// is of no more use.
class Channel {
 public:
  explicit Channel(Fd socket);

  int socket() const { return socket_.get(); }
  /// Ends the channel; the connection goes on as something else.
  Fd release() { return std::move(socket_); }
  /// Code::unavailable when the caller has hung up.
  Result<Frame> receive();
  Status send(Answer answer);
  Status send_data(std::string_view bytes);  // not empty; at most the limit of a frame
  Status send_end();
  Status send_error(const Error& error);
  Status send_frame(std::string_view frame) { return send_bytes(frame); }

 private:
  Status send_bytes(std::string_view bytes);
  Status receive_bytes(char* to, std::size_t size);

  Fd socket_;
};

}  // namespace mayfly::agent
