"""How to build a program for this computer."""

from SCons.Script import Default, DefaultEnvironment

env = DefaultEnvironment()
env.Replace(PROGNAME="program")
env.Append(CCFLAGS=["-g"])
Default(env.BuildProgram())
