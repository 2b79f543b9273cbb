/* libSDL2, opened when the first window is: its functions by their names without SDL_. */
#ifndef UI_SDL_LIBRARY_H
#define UI_SDL_LIBRARY_H

#include <SDL.h>
#include <stdbool.h>

struct vemu_error;

#define SDL_FUNCTIONS(F)                                                                           \
    F(CreateColorCursor)                                                                           \
    F(CreateRenderer)                                                                              \
    F(CreateRGBSurfaceFrom)                                                                        \
    F(CreateTexture)                                                                               \
    F(CreateWindow)                                                                                \
    F(DestroyRenderer)                                                                             \
    F(DestroyTexture)                                                                              \
    F(DestroyWindow)                                                                               \
    F(free)                                                                                        \
    F(FreeCursor)                                                                                  \
    F(FreeSurface)                                                                                 \
    F(GetClipboardText)                                                                            \
    F(GetCurrentVideoDriver)                                                                       \
    F(GetDefaultCursor)                                                                            \
    F(GetError)                                                                                    \
    F(GetModState)                                                                                 \
    F(GetRendererOutputSize)                                                                       \
    F(GetWindowFlags)                                                                              \
    F(GetWindowID)                                                                                 \
    F(GetWindowSize)                                                                               \
    F(InitSubSystem)                                                                               \
    F(PushEvent)                                                                                   \
    F(QuitSubSystem)                                                                               \
    F(RegisterEvents)                                                                              \
    F(RenderClear)                                                                                 \
    F(RenderCopy)                                                                                  \
    F(RenderPresent)                                                                               \
    F(SetClipboardText)                                                                            \
    F(SetCursor)                                                                                   \
    F(SetHint)                                                                                     \
    F(SetRelativeMouseMode)                                                                        \
    F(SetWindowFullscreen)                                                                         \
    F(SetWindowGrab)                                                                               \
    F(SetWindowSize)                                                                               \
    F(SetWindowTitle)                                                                              \
    F(ShowCursor)                                                                                  \
    F(StartTextInput)                                                                              \
    F(StopTextInput)                                                                               \
    F(UpdateTexture)                                                                               \
    F(WaitEvent)                                                                                   \
    F(WasInit)

struct sdl_library {
    void *handle;
#define MEMBER(name_) __typeof__(SDL_##name_) *name_;
    SDL_FUNCTIONS(MEMBER)
#undef MEMBER
};

bool sdl_library_open(struct sdl_library *lib, struct vemu_error **errp);
void sdl_library_close(struct sdl_library *lib);

#endif
