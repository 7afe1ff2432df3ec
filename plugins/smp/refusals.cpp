// The numbers of MCUmgr's errors in words, and in Sluice's own codes.
#include <fmt/format.h>

#include <array>

#include "plugins/smp/commands.hpp"

namespace sluice::smp {
namespace {

struct Refusal {
  errc code;
  std::string_view words;
};

constexpr std::array kSmp = std::to_array<Refusal>({
    {errc::refused, "no error"},
    {errc::io, "unknown error"},
    {errc::full, "it has no memory for this"},
    {errc::invalid_argument, "a value is not valid"},
    {errc::timeout, "it timed out inside"},
    {errc::not_found, "no such entry"},
    {errc::refused, "its present state does not allow this"},
    {errc::full, "the answer is too large for its buffer"},
    {errc::unsupported, "it does not support this command"},
    {errc::corrupt, "its data is damaged"},
    {errc::throttled, "it is busy with another command"},
    {errc::denied, "access denied"},
    {errc::unsupported, "our SMP version is too old for it"},
    {errc::unsupported, "our SMP version is too new for it"},
});

constexpr std::array kImage = std::to_array<Refusal>({
    {errc::refused, "no error"},
    {errc::io, "unknown error"},
    {errc::io, "its flash configuration cannot be read"},
    {errc::not_found, "there is no image in the slot"},
    {errc::invalid_argument, "the image has no TLVs"},
    {errc::invalid_argument, "the image has a TLV that is not valid"},
    {errc::invalid_argument, "the image has several hashes"},
    {errc::invalid_argument, "a TLV of the image has a wrong size"},
    {errc::not_found, "no image with this hash"},
    {errc::refused, "no slot is free: an image is pending or on trial; confirm it or let it revert first"},
    {errc::io, "its flash cannot be opened"},
    {errc::io, "its flash cannot be read"},
    {errc::io, "its flash cannot be written"},
    {errc::io, "its flash cannot be erased"},
    {errc::invalid_argument, "no such slot"},
    {errc::full, "it has no memory for this"},
    {errc::io, "flash context set already"},
    {errc::io, "flash context not set"},
    {errc::io, "no flash device"},
    {errc::invalid_argument, "page offset not valid"},
    {errc::invalid_argument, "the offset is missing"},
    {errc::invalid_argument, "the length is missing"},
    {errc::invalid_argument, "the data is shorter than an image header"},
    {errc::invalid_argument, "this is no MCUboot image (magic number)"},
    {errc::invalid_argument, "the hash is not valid"},
    {errc::invalid_argument, "the image is linked for another flash address"},
    {errc::io, "the running version cannot be read"},
    {errc::refused, "the running image is newer or the same"},
    {errc::refused, "an image is pending already"},
    {errc::invalid_argument, "the vector table of the image is not valid"},
    {errc::invalid_argument, "the image is too large for the slot"},
    {errc::invalid_argument, "more data than the announced size"},
    {errc::denied, "confirming is not allowed"},
    {errc::refused, "the running image cannot be set for test"},
    {errc::refused, "the running slot is not known"},
});

}  // namespace

Error error_of(const DeviceError& error, const Command& command) {
  const auto describe = [&](std::string_view table, const Refusal& refusal) {
    return Error{refusal.code, fmt::format("the device refused {}: {} ({} error {})", name_of(command),
                                           refusal.words, table, error.code)};
  };
  if (!error.of_group && error.code < kSmp.size()) return describe("SMP", kSmp[error.code]);
  if (error.of_group && error.group == kImageGroup && error.code < kImage.size())
    return describe("image", kImage[error.code]);
  const auto group = error.of_group ? fmt::format("error {} of group {}", error.code, error.group)
                                    : fmt::format("SMP error {}", error.code);
  return {errc::refused, fmt::format("the device refused {}: {}", name_of(command), group)};
}

}  // namespace sluice::smp
