// Framings whose frames have a known length: a length field, or always the same. Where a frame turns out to
// be none, only its first byte is skipped and the search goes on behind it: a length that noise has made does
// not take the frames behind it along.
#pragma once

#include "plugins/serial/framing.hpp"

namespace sluice::serial {

class Measured final : public Framing {
 public:
  explicit Measured(FramingOptions options) : options_(std::move(options)) {}
  void feed(std::string_view bytes, const Each& each) override;
  void silence(const Each& each) override;
  void noise() override;
  result<std::string> encode(std::string_view frame) const override;

 private:
  enum class Look : std::uint8_t { frame, none, more };
  // At the beginning of `bytes`: a frame (`whole`: its bytes on the line), none, or too little to say.
  Look look(std::string_view bytes, std::string_view& frame, std::size_t& whole) const;
  void search(const Each& each, bool no_more);
  FramingOptions options_;
  std::string buffer_;
  std::size_t distrusted_ = 0;  // where in the buffer a byte was broken or lost; 0: nowhere
  bool skipping_ = false;       // a run of bytes that are no frame
};

}  // namespace sluice::serial
