#pragma once
// A response body on its way from its source to the I/O thread. The source is read on the streaming pool, one piece
// ahead of what is being sent, so two pieces are all that is ever in memory and a slow client occupies no thread.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/inbox.h"
#include "http/message.h"
#include "http/pool.h"

namespace mayfly::http {

/// A place on the streaming pool, kept by whatever may occupy one of its threads.
using Seat = std::shared_ptr<void>;

/// For the I/O thread.
class BodyPull {
 public:
  BodyPull(std::shared_ptr<BodySource> source, Pool& pool, Seat seat, std::shared_ptr<Mailbox> mailbox);
  ~BodyPull();  // tells the source when it was not read to its end

  /// Begins to read the next piece; the mailbox rings. False when the pool has stopped.
  bool fetch();
  bool here() const { return mailbox_->piece_is_here; }
  /// The piece that is here, valid until the next call. Empty: the end.
  Result<std::string_view> take();

 private:
  struct Piece;
  const std::shared_ptr<BodySource> source_;
  Pool& pool_;
  const Seat seat_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<Piece> next_;
  std::shared_ptr<Piece> current_;
  bool ended_ = false;
};

}  // namespace mayfly::http
