#pragma once

#include <string>
#include <string_view>

namespace mayfly::query {

/// Where a reader stands within what a client wrote: "filter.OR[1].attempts", and /OR/1/attempts as a JSON pointer.
class Trail {
 public:
  explicit Trail(std::string root) : text_(std::move(root)) {}

  class Within {
   public:
    Within(Trail& trail, const std::string& text, const std::string& pointer)
        : trail_(trail), text_(trail.text_.size()), pointer_(trail.pointer_.size()) {
      trail.text_ += text;
      trail.pointer_ += pointer;
    }
    ~Within() {
      trail_.text_.resize(text_);
      trail_.pointer_.resize(pointer_);
    }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;

   private:
    Trail& trail_;
    const std::size_t text_, pointer_;
  };

  /// One step on, until what it returns is gone.
  [[nodiscard]] Within into(std::string_view name);
  [[nodiscard]] Within into(std::size_t item);

  const std::string& text() const { return text_; }
  const std::string& pointer() const { return pointer_; }

 private:
  std::string text_;
  std::string pointer_;
};

}  // namespace mayfly::query
