#include "http/body_pull.h"

namespace mayfly::http {

namespace {

constexpr std::size_t piece_size = 128 * 1024;

}  // namespace

struct BodyPull::Piece {
  std::string bytes = std::string(piece_size, '\0');
  Result<std::size_t> size = 0;
};

BodyPull::BodyPull(std::shared_ptr<BodySource> source, Pool& pool, Seat seat, std::shared_ptr<Mailbox> mailbox)
    : source_(std::move(source)), pool_(pool), seat_(std::move(seat)), mailbox_(std::move(mailbox)),
      next_(std::make_shared<Piece>()), current_(std::make_shared<Piece>()) {}

BodyPull::~BodyPull() {
  if (!ended_) source_->cancel();
}

bool BodyPull::fetch() {
  mailbox_->piece_is_here = false;
  return pool_.submit([piece = next_, source = source_, seat = seat_, mailbox = mailbox_] {
    try {
      piece->size = source->read(piece->bytes);
    } catch (const std::exception& thrown) {
      piece->size = fail(Code::internal, thrown.what());
    } catch (...) {
      piece->size = fail(Code::internal, "the source of a response threw");
    }
    mailbox->send_piece();
  });
}

Result<std::string_view> BodyPull::take() {
  std::swap(next_, current_);
  if (!current_->size) return tl::unexpected<Error>(current_->size.error());
  CHECK(*current_->size <= current_->bytes.size());
  ended_ = *current_->size == 0;
  return std::string_view(current_->bytes).substr(0, *current_->size);
}

}  // namespace mayfly::http
