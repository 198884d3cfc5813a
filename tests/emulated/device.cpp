// A CUDA device that does not exist, for a CPU build of torch.
//
// Tensors without values (FakeTensorMode) may lie on "cuda:0" without any of this. But autograd asks the device for its
// guard (which device and stream is the current one) before it runs a backward pass, and torch.Generator asks the
// library of CUDA for a generator. Both are registries that a loaded library may enter itself into: nothing here
// computes anything. Built by device.py, once for each session of tests.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

namespace {

using c10::Device;
using c10::DeviceIndex;
using c10::DeviceType;
using c10::Stream;

// There is one device and one stream, so nothing is ever changed or waited for.
struct Guard final : c10::impl::DeviceGuardImplInterface {
  static Device only() { return Device(DeviceType::CUDA, 0); }
  DeviceType type() const override { return DeviceType::CUDA; }
  Device exchangeDevice(Device) const override { return only(); }
  Device getDevice() const override { return only(); }
  void setDevice(Device) const override {}
  void uncheckedSetDevice(Device) const noexcept override {}
  Stream getStream(Device) const override { return Stream(Stream::DEFAULT, only()); }
  Stream exchangeStream(Stream stream) const override { return stream; }
  DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const Stream&, const DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const DeviceIndex) const noexcept override {}
};

struct Hooks final : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  DeviceIndex deviceCount() const override { return 1; }
  DeviceIndex getCurrentDevice() const override { return 0; }
  DeviceIndex current_device() const override { return 0; }
  // Numbers are never drawn: any generator will do.
  at::Generator getNewGenerator(DeviceIndex) const override { return at::detail::createCPUGenerator(); }
};

const Guard guard;
const c10::impl::DeviceGuardImplRegistrar guard_registrar(DeviceType::CUDA, &guard);

}  // namespace

namespace at {
using CUDAHooks = ::Hooks;  // the name that torch looks for
REGISTER_CUDA_HOOKS(CUDAHooks)
}  // namespace at
