// What is no plain YAML document is refused with its place, and nothing in it can make the daemon work for
// long.
#include "config/document.hpp"

#include "tests/unit/config/sample.hpp"

namespace sluice::config {
namespace {

using namespace test;

Problem only_problem(const std::string& text) {
  std::vector<Problem> problems;
  read_document(text, problems);
  EXPECT_EQ(problems.size(), 1U) << text.substr(0, 200);
  return problems.empty() ? Problem{} : problems[0];
}

void expect_refused(const std::string& text, int line, int column, const std::string& words) {
  const auto problem = only_problem(text);
  EXPECT_EQ(problem.line, line) << problem.text;
  EXPECT_EQ(problem.column, column) << problem.text;
  EXPECT_NE(problem.text.find(words), std::string::npos) << problem.text;
}

TEST(Document, KeepsWhereEachValueStands) {
  std::vector<Problem> problems;
  const auto root = read_document("a: 1\nb:\n  - x\n  - y: 2\n", problems);
  ASSERT_TRUE(problems.empty());
  ASSERT_EQ(root.entries.size(), 2U);
  const auto& second = root.entries[1].value.items[1].entries[0];
  EXPECT_EQ(second.key, "y");
  EXPECT_EQ(second.place.line, 4);
  EXPECT_EQ(second.place.column, 5);
  EXPECT_EQ(second.value.place.column, 8);
}

TEST(Document, RefusesAnEmptyFile) {
  for (const auto* text : {"", "\n\n", "# only a comment\n"}) {
    EXPECT_NE(only_problem(text).text.find("empty"), std::string::npos);
  }
}

TEST(Document, RefusesAKeyThatIsThereTwice) { expect_refused("a: 1\nb: 2\na: 3\n", 3, 1, "twice"); }

TEST(Document, RefusesATabInTheIndentation) { expect_refused("a:\n\tb: 1\n", 2, 1, "tab"); }

TEST(Document, SaysWhereTheSyntaxBreaks) { expect_refused("a: [1, 2\nb: 3\n", 2, 2, "not valid YAML"); }

TEST(Document, RefusesTagsMergeKeysAndASecondDocument) {
  expect_refused("a: !!int 1\n", 1, 4, "tags");
  expect_refused("x: &x { a: 1 }\ny:\n  <<: *x\n", 3, 3, "merge keys");
  EXPECT_NE(only_problem("a: 1\n---\nb: 2\n").text.find("second"), std::string::npos);
}

TEST(Document, RefusesBytesThatAreNoText) {
  expect_refused(std::string("a: \xff\n"), 1, 4, "UTF-8");
  expect_refused(std::string("a: \xed\xa0\x80\n"), 1, 4, "UTF-8");  // a surrogate
  expect_refused(std::string("a: \xc0\xaf\n"), 1, 4, "UTF-8");      // overlong
  expect_refused(std::string("a: x\0y\n", 7), 1, 5, "control");
}

TEST(Document, TakesWindowsLineEnds) {
  std::vector<Problem> problems;
  const auto root = read_document("a: 1\r\nb: 2\r\n", problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_EQ(root.entries.size(), 2U);
  EXPECT_EQ(root.entries[0].value.value, "1");
}

TEST(Document, FollowsAliasesWithinBounds) {
  std::vector<Problem> problems;
  const auto root = read_document("a: &x [1, 2]\nb: *x\n", problems);
  ASSERT_TRUE(problems.empty());
  ASSERT_EQ(root.entries[1].value.items.size(), 2U);
  EXPECT_EQ(root.entries[1].value.items[1].value, "2");
}

TEST(F23AnchorBomb, IsRefusedInsteadOfExpanded) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const auto last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int k = 0; k < 9; ++k) bomb += ", " + last;
    bomb += "]\n";
  }
  EXPECT_NE(only_problem(bomb).text.find("expand"), std::string::npos);
}

TEST(F23AnchorBomb, IsRefusedWhenItIsMadeOfOneLongText) {
  std::string bomb = "a: &a " + std::string(500'000, 'x') + "\nb: [*a";
  for (int i = 0; i < 50; ++i) bomb += ", *a";
  EXPECT_NE(only_problem(bomb + "]\n").text.find("expand"), std::string::npos);
}

TEST(F23AnchorBomb, CannotReferToItself) { EXPECT_NE(only_problem("a: &a [1, *a]\n").text, ""); }

TEST(Document, RefusesWhatIsTooDeepOrTooLarge) {
  EXPECT_NE(only_problem(std::string(500, '[') + std::string(500, ']')).text.find("deeper"),
            std::string::npos);
  EXPECT_NE(only_problem(std::string(kMaxTextBytes + 1, ' ')).text.find("at most"), std::string::npos);
}

}  // namespace
}  // namespace sluice::config
