#include "http/inbox.h"

namespace mayfly::http {

void Inbox::post(std::function<void()> letter) {
  const std::lock_guard lock(mutex_);
  if (!wake_) return;
  letters_.push_back(std::move(letter));
  // One wake-up serves all that comes before the I/O thread reads: a commit answers many requests at once.
  if (letters_.size() == 1) wake_();
}

void Inbox::close() {
  std::vector<std::function<void()>> unread;
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
  reader_ = std::thread::id();  // the number may be given to another thread
  unread.swap(letters_);
}

void Inbox::read() {
  std::vector<std::function<void()>> letters;
  {
    const std::lock_guard lock(mutex_);
    letters.swap(letters_);
  }
  for (auto& letter : letters) letter();
}

void Mailbox::send(Answer sent) {
  if (inbox_->is_here()) return deliver(std::move(sent));
  // A std::function can only hold what can be copied.
  auto shared = std::make_shared<Answer>(std::move(sent));
  inbox_->post([self = shared_from_this(), shared] { self->deliver(std::move(*shared)); });
}

void Mailbox::send_ring() {
  inbox_->post([self = shared_from_this()] { self->ring(); });
}

void Mailbox::send_piece() {
  inbox_->post([self = shared_from_this()] {
    self->piece_is_here = true;
    self->ring();
  });
}

void Mailbox::deliver(Answer sent) {
  if (answer) return;
  answer = std::move(sent);
  ring();
}

void Mailbox::ring() {
  if (waiter_) waiter_->ring();
}

}  // namespace mayfly::http
