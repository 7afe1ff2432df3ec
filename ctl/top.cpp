// top: asks once a second and shows it, until q, Ctrl-C or --count.
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "json_fields.hpp"
#include "terminal.hpp"
#include "top_view.hpp"

namespace sluice::ctl {
namespace {

constexpr double kMostDevicesAsked = 1000;  // a longer list each second would be a load of its own

Answer take_sample(Context& context, TopView& view) {
  TopView::Sample sample;
  auto answer = context.client.ask("status");
  if (!answer.good) return answer;
  sample.status = std::move(answer.result);
  answer = context.client.ask("ledger");
  if (!answer.good) return answer;
  sample.ledger = std::move(answer.result);
  if (number_of(object_of(sample.status, "devices"), "known") <= kMostDevicesAsked) {
    answer = context.client.ask("devices");
    if (answer.good) sample.devices = std::move(answer.result);
  }
  sample.at = context.clock.now();
  view.take(std::move(sample));
  return answer;
}

}  // namespace

int run_top(Context& context) {
  TopView view;
  // Without a daemon to begin with there is nothing to wait for; one that goes away later is waited for.
  auto answer = take_sample(context, view);
  if (answer.exit_code == exit_code::unreachable || answer.exit_code == exit_code::no_permission) {
    return print_error(context, answer);
  }
  const bool full_screen = !context.given.plain && !context.given.json && Terminal::can_redraw();
  Terminal terminal(full_screen);
  std::vector<std::string> told;
  for (unsigned frame = 1;; ++frame) {
    if (context.given.json) {
      fmt::print("{}\n", view.status().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    } else if (full_screen) {
      terminal.show(view.screen(Terminal::size().columns));
    } else {
      fmt::print("{}\n", view.line());
      // In lines that scroll by, what is wrong is said when it begins or changes.
      if (auto troubles = view.troubles(); troubles != told) {
        for (const auto& trouble : troubles) fmt::print("  ! {}\n", trouble);
        if (troubles.empty()) fmt::print("  all is well again\n");
        told = std::move(troubles);
      }
    }
    std::fflush(stdout);
    if (std::ferror(stdout) != 0 || (context.given.count != 0 && frame >= context.given.count)) break;
    if (terminal.wait_ms(1000)) break;
    answer = take_sample(context, view);
    if (!answer.good) view.lost(answer.text);
  }
  return exit_code::success;
}

}  // namespace sluice::ctl
