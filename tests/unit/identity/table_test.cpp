// The table is complete: each pair of state and event is a row or ends the program, and no way leads nowhere.
#include "identity/table.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sluice::identity {
namespace {

std::vector<State> states() {
  std::vector<State> all;
  for (int i = 0; i < kStates; ++i) all.push_back(static_cast<State>(i));
  return all;
}
std::vector<Event> events() {
  std::vector<Event> all;
  for (int i = 0; i < kEvents; ++i) all.push_back(static_cast<Event>(i));
  return all;
}

TEST(IdentityTable, HasEachPairOnceAtMost) {
  std::set<std::pair<State, Event>> seen;
  for (const auto& row : table()) {
    EXPECT_TRUE(seen.insert({row.state, row.event}).second)
        << to_string(row.state) << " " << to_string(row.event);
  }
}

TEST(IdentityTable, EndsTheProgramOnAnEventThatCannotComeAndNamesBoth) {
  GTEST_FLAG_SET(death_test_style, "fast");
  std::size_t undefined = 0;
  for (const auto state : states()) {
    for (const auto event : events()) {
      if (const auto* row = find_row(state, event); row != nullptr) {
        EXPECT_EQ(&row_for(state, event), row);
        continue;
      }
      ++undefined;
      // A process each: every third is enough to see that there is one door.
      if (undefined % 3 != 0) continue;
      const auto words = "the event " + std::string(to_string(event)) + " cannot come in the state " +
                         std::string(to_string(state));
      EXPECT_DEATH(row_for(state, event), words);
    }
  }
  EXPECT_EQ(undefined + table().size(), static_cast<std::size_t>(kStates) * kEvents);
}

TEST(IdentityTable, GoesOnInEveryStateAfterARestart) {
  for (const auto state : states()) {
    const auto* row = find_row(state, Event::resumed);
    ASSERT_NE(row, nullptr) << to_string(state);
    EXPECT_EQ(row->next, state) << "a restart alone changes nothing";
  }
}

TEST(IdentityTable, LeadsFromEveryStateToGone) {
  for (const auto state : states()) {
    const auto* row = find_row(state, Event::remove);
    ASSERT_NE(row, nullptr) << to_string(state);
    EXPECT_TRUE(leaves(row->next)) << to_string(state);
    EXPECT_EQ(leaves(state), row->next == state) << to_string(state);
  }
  EXPECT_EQ(row_for(State::decommissioning, Event::closed).next, State::gone);
  for (const auto event : {Event::retired, Event::denied})
    EXPECT_EQ(row_for(State::withdrawing, event).next, State::gone);
}

TEST(IdentityTable, ReachesEveryStateFromNew) {
  std::set<State> reached = {State::fresh};
  for (std::size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (const auto& row : table()) {
      if (reached.contains(row.state)) reached.insert(row.next);
    }
  }
  EXPECT_EQ(reached.size(), static_cast<std::size_t>(kStates));
}

TEST(IdentityTable, KeepsThePresentCertificateInUseUntilTheNextIsProven) {
  for (const auto& row : table()) {
    if (!in_use(row.state) || row.event == Event::remove || row.event == Event::trouble) continue;
    EXPECT_TRUE(in_use(row.next)) << to_string(row.state) << " " << to_string(row.event);
    if (row.effect == Effect::swap_lane) EXPECT_EQ(row.event, Event::connected);
    if (row.effect == Effect::hand_over) EXPECT_EQ(row.event, Event::took_over);
  }
}

// These stand in registry.db of gateways in the field.
TEST(IdentityTable, NamesItsStatesOnDiskForEver) {
  const char* const kNames[] = {"new",
                                "key-made",
                                "requested",
                                "promised",
                                "issued",
                                "proving",
                                "active",
                                "rotating",
                                "rotating-key-made",
                                "rotating-requested",
                                "rotating-promised",
                                "rotating-issued",
                                "rotating-proving",
                                "retiring",
                                "refused",
                                "revoked",
                                "decommissioning",
                                "gone",
                                "withdrawing"};
  for (const auto state : states()) {
    EXPECT_EQ(to_string(state), kNames[static_cast<int>(state)]);
    EXPECT_EQ(state_named(to_string(state)), state);
  }
  EXPECT_FALSE(state_named("somewhere"));
}

}  // namespace
}  // namespace sluice::identity
