#include "cli/table.h"

#include <gtest/gtest.h>

namespace mayfly::cli {

TEST(Table, AlignsItsColumnsAndEndsNoLineWithBlanks) {
  Table table({{"NAME"}, {"SIZE", 0, true}, {"NOTE"}});
  table.add({"a", "5 B", ""});
  table.add({"longer", "12 KiB", "x"});

  EXPECT_EQ(table.render({}),
            "NAME      SIZE  NOTE\n"
            "a          5 B\n"
            "longer  12 KiB  x\n");
}

TEST(Table, CutsTheWidestColumnsThatMayShrinkAndNoOthers) {
  Table table({{"ID"}, {"NAME", 4}, {"LABELS", 6}});
  table.add({"sbx_0123456789", "a-name", "team=search, owner=somebody"});

  const auto lines = table.lines({.width = 36});

  EXPECT_EQ(lines[1], "sbx_0123456789  a-name  team=search…");
  EXPECT_EQ(width_of(lines[1]), 36u);
}

TEST(Table, IsWiderThanThePaperRatherThanCutAnId) {
  Table table({{"ID"}, {"NAME", 4}});
  table.add({"sbx_0123456789", "a-longer-name"});

  EXPECT_EQ(table.lines({.width = 10})[1], "sbx_0123456789  a-l…");
}

TEST(Table, MeasuresCharactersNotBytes) {
  Table table({{"A"}, {"B"}});
  table.add({"é", "1"});
  table.add({"ab", "2"});

  EXPECT_EQ(table.lines({})[1], "é   1");
  EXPECT_EQ(cut("ééé", 2), "é…");
  EXPECT_EQ(cut("éé", 2), "éé");
  EXPECT_EQ(cut("abc", 0), "");
}

TEST(Table, LetsNoEscapeSequenceThrough) {
  Table table({{""}});
  table.add({"a\x1b[31mred\x07\n\xc2\x9b" "2J\x7f"});

  EXPECT_EQ(table.render({}), "a?[31mred? ?2J?\n");
}

TEST(Table, PaintsOnlyOnColouredPaper) {
  Table table({{""}, {""}});
  table.add({{"failed", Tone::bad}, "x"});

  EXPECT_EQ(table.render({}), "failed  x\n");
  EXPECT_EQ(table.render({.width = 0, .colours = true}), "\x1b[31mfailed\x1b[0m  x\n");
}

}  // namespace mayfly::cli
