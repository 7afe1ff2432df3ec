#include <gtest/gtest.h>

#include "ctl/commands.hpp"
#include "ctl/json_fields.hpp"
#include "ctl/table.hpp"
#include "ctl/top_view.hpp"
#include "ctl/words.hpp"

namespace sluice::ctl {
namespace {

using nlohmann::json;

TEST(Words, SayNumbersAsPeopleDo) {
  EXPECT_EQ(in_words(0), "0");
  EXPECT_EQ(in_words(999), "999");
  EXPECT_EQ(in_words(1000), "1,000");
  EXPECT_EQ(in_words(1234567), "1,234,567");
  EXPECT_EQ(bytes_in_words(1023), "1023 B");
  EXPECT_EQ(bytes_in_words(1536), "1.5 KiB");
  EXPECT_EQ(bytes_in_words(2ULL << 30), "2.0 GiB");
  EXPECT_EQ(bytes_in_words(UINT64_MAX), "16777216 TiB");
  EXPECT_EQ(duration_in_words(59.9), "59 s");
  EXPECT_EQ(duration_in_words(41 * 3600 + 5), "41 h");
  EXPECT_EQ(duration_in_words(1e12), "years");
  EXPECT_EQ(rate_in_words(0.25), "0.2/s");
  EXPECT_EQ(rate_in_words(123456.7), "123,457/s");
  EXPECT_EQ(time_in_words(1793491203000), "2026-11-01 00:00:03 UTC");
}

TEST(Words, KeepTerminalControlOutOfTheTerminal) {
  EXPECT_EQ(printable("d/\x1b[2Jx\n\x07\x7f"), "d/?[2Jx???");
  EXPECT_EQ(printable("Zähler ▁ 𝄞"), "Zähler ▁ 𝄞");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "??31m");  // U+009B is CSI
  EXPECT_EQ(printable("\xff\xc3"), "??");
}

TEST(Table, AlignsAndLeavesEmptyColumnsOut) {
  Table table({{"device"}, {"nothing"}, {"readings", Table::Align::right}});
  table.add({"Zähler", "", "7"});
  table.add({"b", "", "1,200"});
  EXPECT_EQ(table.text(),
            "device  readings\n"
            "Zähler         7\n"
            "b          1,200\n");
}

TEST(CommandTable, TakesTheLongestNameAndKnowsEveryCommandOnce) {
  EXPECT_EQ(find_command({"devices", "add", "x"})->name, "devices add");
  EXPECT_EQ(find_command({"devices"})->name, "devices");
  EXPECT_EQ(find_command({"nonsense"}), nullptr);
  EXPECT_EQ(find_command({}), nullptr);
  for (const auto& row : command_table()) EXPECT_NE(row.run, nullptr) << row.name;
}

TEST(StatusText, SaysWhatIsWrongInPlainWords) {
  const auto text =
      status_text(json::parse(R"({"thing":"gw-1","state":"degraded","version":"0.1.0","uptime_s":7300,
    "troubles":[{"part":"store","text":"disk full"}],"totals":{"accepted":1000,"delivered":900,"queued":100,
    "queued_bytes":2048,"dead_letters":2},"rates":{"accepted_per_s":5,"delivered_per_s":0},
    "store":{"writable":false,"commit_ms_p50":1.25,"commit_ms_p99":9},"devices":{"connected":3,"known":4}})"));
  EXPECT_NE(text.find("gw-1: degraded, sluiced 0.1.0, up 2 h"), std::string::npos) << text;
  EXPECT_NE(text.find("! store: disk full"), std::string::npos) << text;
  EXPECT_NE(text.find("NOT WRITABLE"), std::string::npos) << text;
  EXPECT_NE(text.find("3 connected, 4 known"), std::string::npos) << text;
  EXPECT_NE(text.find("dead letters 2"), std::string::npos) << text;
}

TEST(StatusText, SaysTheSameTroubleOfManyLanesOnce) {
  const auto status =
      json::parse(R"({"troubles":[{"part":"lane a","text":"no route"},{"part":"store","text":"full"},
    {"part":"lane b","text":"no route"},{"part":"lane c","text":"no route"}]})");
  EXPECT_EQ(troubles_in_words(status),
            (std::vector<std::string>{"lane a and 2 more: no route", "store: full"}));
}

TEST(StatusText, SurvivesAnyAnswer) {
  for (const auto* answer :
       {"{}", "null", "[]", "7", R"({"totals":7,"troubles":{},"lanes":[1,null],"store":[]})"}) {
    const auto value = json::parse(answer);
    if (value.is_object()) EXPECT_FALSE(status_text(value).empty());
    EXPECT_FALSE(ledger_text(value.is_object() ? value : json::object()).empty());
    EXPECT_FALSE(queue_text(value.is_object() ? value : json::object()).empty());
  }
}

TEST(QueueText, SaysHowLongTheBufferLasts) {
  const auto text =
      queue_text(json::parse(R"({"depths":[{"lane":0,"thing":"gw-1","priority":5,"count":12,"bytes":4096}],
    "queued":12,"queued_bytes":4096,"max_bytes":8192,"buffer_lasts_s":147600})"));
  EXPECT_NE(text.find("at today's rate the buffer lasts 41 h"), std::string::npos) << text;
  EXPECT_NE(text.find("(50 %)"), std::string::npos) << text;
}

TEST(LedgerText, ShoutsWhenTheBooksDoNotAddUp) {
  EXPECT_NE(ledger_text({{"rows", json::array()}, {"equation", {{"holds", false}}}}).find("DOES NOT ADD UP"),
            std::string::npos);
  EXPECT_EQ(ledger_text({{"rows", json::array()}, {"equation", {{"holds", true}}}}).find("DOES NOT ADD UP"),
            std::string::npos);
}

TEST(TopView, MeasuresRatesBetweenItsOwnSamples) {
  TopView view;
  const auto sample = [](int accepted, int delivered, int queued, MonoTime at) {
    return TopView::Sample{
        {{"totals", {{"accepted", accepted}, {"delivered", delivered}, {"queued", queued}}}},
        {{"equation", {{"ledger", 0}, {"holds", true}}}},
        json::array({{{"id", "a"}, {"readings", accepted}}}),
        at};
  };
  EXPECT_NE(view.line().find("waiting"), std::string::npos);
  view.take(sample(100, 100, 0, MonoTime(1s)));
  view.take(sample(300, 150, 150, MonoTime(3s)));
  EXPECT_NE(view.line().find("in    100/s  out     25/s  queued       150"), std::string::npos)
      << view.line();
  EXPECT_NE(view.screen(80).find("▁█"), std::string::npos) << view.screen(80);
  view.lost("nobody answers");
  EXPECT_EQ(view.troubles(), std::vector<std::string>{"nobody answers"});
  view.take(sample(5, 5, 0, MonoTime(4s)));  // the daemon began anew
  EXPECT_EQ(view.line().find("-"), std::string::npos) << view.line();
}

TEST(TopView, SumsManyDevicesByTheirProductAndWhoBringsThem) {
  TopView view;
  const auto sample = [](int readings, MonoTime at) {
    auto devices = json::array();
    for (int i = 0; i < 9; ++i) {
      devices.push_back({{"id", "s" + std::to_string(i)},
                         {"product", "sensor"},
                         {"connected", i != 0},
                         {"adapter", ""},
                         {"readings", readings}});
    }
    devices.push_back({{"id", "m-1"},
                       {"product", "meter"},
                       {"connected", true},
                       {"adapter", "bus-1"},
                       {"readings", 2 * readings}});
    return TopView::Sample{{{"totals", json::object()},
                            {"identity",
                             {{"method", "cvm"},
                              {"gateway", {{"state", "active"}}},
                              {"counts", {{"active", 4}, {"requested", 1}}}}}},
                           {{"equation", {{"holds", true}}}},
                           std::move(devices),
                           at};
  };
  view.take(sample(0, MonoTime(1s)));
  view.take(sample(10, MonoTime(2s)));
  const auto screen = view.screen(80);
  EXPECT_NE(screen.find("meter    bus-1         1          1  20/s        20"), std::string::npos) << screen;
  EXPECT_NE(screen.find("sensor   itself        9          8  90/s        90"), std::string::npos) << screen;
  EXPECT_NE(screen.find("identities gateway active, devices: 4 active, 1 requested, by cvm"),
            std::string::npos)
      << screen;
  EXPECT_EQ(screen.find("s1"), std::string::npos) << screen;
}

TEST(Sparkline, IsFlatWithoutAnything) {
  EXPECT_EQ(sparkline({0, 0}), "▁▁");
  EXPECT_EQ(sparkline({0, 4, 8}), "▁▅█");
  EXPECT_EQ(sparkline({}), "");
}

}  // namespace
}  // namespace sluice::ctl
