#pragma once
// Rows with aligned columns, for people.

#include <string>
#include <vector>

#include "cli/output.h"

namespace mayfly::cli {

enum class Tone { plain, good, busy, bad, faint };

struct Cell {
  Cell(std::string text, Tone tone = Tone::plain) : text(std::move(text)), tone(tone) {}
  Cell(const char* text) : text(text) {}
  std::string text;
  Tone tone = Tone::plain;
};

struct Column {
  std::string title;
  std::size_t least = 0;     // may be cut down to that where the paper is too narrow; 0: never
  bool right = false;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }

  /// The title line, unless every title is empty, and one line for each row.
  std::vector<std::string> lines(const Paper& paper) const;
  std::string render(const Paper& paper) const;

 private:
  std::vector<std::size_t> widths(std::size_t paper_width, bool titled) const;
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// Characters, as far as a terminal without wide ones is concerned.
std::size_t width_of(std::string_view text);
/// At most `width` characters; what is cut ends with an ellipsis.
std::string cut(std::string_view text, std::size_t width);
std::string painted(std::string text, Tone tone, const Paper& paper);

/// How the words for states and phases are shown.
Tone tone_of(std::string_view state);

}  // namespace mayfly::cli
