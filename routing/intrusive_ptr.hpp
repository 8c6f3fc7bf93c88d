// An owning pointer to an object that counts its owners itself, through `add_ref` and `release`.
// Half the size of std::shared_ptr and one allocation less, which a million routes notice. Whether
// the count is atomic is the object's business.
#pragma once

#include <cstddef>
#include <utility>

namespace shunt::routing {

template <class T>
class intrusive_ptr {
public:
  intrusive_ptr() noexcept = default;
  intrusive_ptr(std::nullptr_t) noexcept {}
  explicit intrusive_ptr(T* object) noexcept : object_{object} {
    if (object_ != nullptr)
      object_->add_ref();
  }
  intrusive_ptr(const intrusive_ptr& other) noexcept : intrusive_ptr{other.object_} {}
  intrusive_ptr(intrusive_ptr&& other) noexcept : object_{std::exchange(other.object_, nullptr)} {}
  intrusive_ptr& operator=(intrusive_ptr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~intrusive_ptr() { reset(); }

  void reset() noexcept {
    if (auto* old = std::exchange(object_, nullptr))
      old->release();
  }
  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  friend bool operator==(const intrusive_ptr& a, const intrusive_ptr& b) noexcept {
    return a.object_ == b.object_;
  }

private:
  T* object_ = nullptr;
};

} // namespace shunt::routing
