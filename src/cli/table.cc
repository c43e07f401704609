#include "cli/table.h"

#include <algorithm>
#include <array>

#include "base/result.h"

namespace mayfly::cli {

namespace {

constexpr std::size_t gap = 2;

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }

}  // namespace

void Table::add(std::vector<Cell> cells) {
  CHECK(cells.size() == columns_.size());
  for (auto& cell : cells) cell.text = printable(cell.text);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(std::size_t paper_width, bool titled) const {
  std::vector<std::size_t> widths;
  std::size_t total = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = titled ? width_of(columns_[c].title) : 0;
    for (const auto& row : rows_) width = std::max(width, width_of(row[c].text));
    widths.push_back(width);
    total += width + (c > 0 ? gap : 0);
  }
  // The widest column that may shrink does, until all fits or none may.
  while (paper_width > 0 && total > paper_width) {
    std::size_t widest = columns_.size();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const bool may_shrink = columns_[c].least > 0 && widths[c] > columns_[c].least;
      if (may_shrink && (widest == columns_.size() || widths[c] > widths[widest])) widest = c;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  return widths;
}

std::vector<std::string> Table::lines(const Paper& paper) const {
  const bool titled = std::ranges::any_of(columns_, [](const Column& column) { return !column.title.empty(); });
  const auto width = widths(paper.width, titled);
  std::vector<std::string> lines;
  const auto add_line = [&](const auto& cell_at) {
    std::string line;
    std::size_t owed = 0;  // blanks, written only when something follows them
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const Cell cell = cell_at(c);
      const auto text = cut(cell.text, width[c]);
      const auto blanks = width[c] - width_of(text);
      if (!text.empty()) {
        line.append(owed + (columns_[c].right ? blanks : 0), ' ').append(painted(text, cell.tone, paper));
        owed = columns_[c].right ? 0 : blanks;
      } else {
        owed += blanks;
      }
      owed += gap;
    }
    lines.push_back(std::move(line));
  };
  if (titled) add_line([&](std::size_t c) { return Cell(columns_[c].title, Tone::faint); });
  for (const auto& row : rows_) add_line([&](std::size_t c) { return row[c]; });
  return lines;
}

std::string Table::render(const Paper& paper) const {
  std::string text;
  for (const auto& line : lines(paper)) text += line + "\n";
  return text;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string cut(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (begins_character(text[i]) && ++seen == width) return std::string(text.substr(0, i)) + "…";
  return std::string(text);
}

std::string painted(std::string text, Tone tone, const Paper& paper) {
  constexpr std::array codes = {"", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m"};
  if (!paper.colours || tone == Tone::plain) return text;
  return codes[static_cast<std::size_t>(tone)] + std::move(text) + "\x1b[0m";
}

Tone tone_of(std::string_view state) {
  constexpr std::array good = {"running", "active", "completed", "ready"};
  constexpr std::array bad = {"failed", "stuck"};
  constexpr std::array faint = {"gone", "stopped", "waiting"};
  const auto is = [&](const char* word) { return state == word; };
  if (std::ranges::any_of(good, is)) return Tone::good;
  if (std::ranges::any_of(bad, is)) return Tone::bad;
  if (std::ranges::any_of(faint, is)) return Tone::faint;
  return Tone::busy;
}

}  // namespace mayfly::cli
