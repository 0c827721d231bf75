import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { smallTree, write } from './small-tree.ts'

/** What kbuild does, for a few files: a target is made again when it is older than its sources, or there is no word of a command that has made it. */
const MAKEFILE = String.raw`VERSION = 6
PATCHLEVEL = 1
SUBLEVEL = 0
.DELETE_ON_ERROR:
boot := $(O)/arch/x86/boot
objects := $(patsubst init/%.c,$(O)/init/%.o,$(wildcard init/*.c))
made = $(if $(filter-out FORCE,$?)$(if $(wildcard $(@D)/.$(@F).cmd),,new),\
	mkdir -p $(@D); echo "  $(1)      $(@:$(O)/%=%)"; ( $(2) ) && echo made > $(@D)/.$(@F).cmd,:)

bzImage: $(boot)/bzImage
modules:
	@:
allnoconfig:
	@cp $(KCONFIG_ALLCONFIG) $(O)/.config
olddefconfig:
	@mkdir -p $(O)/include/config && echo 6.1.0-attacked > $(O)/include/config/kernel.release
$(objects): $(O)/init/%.o: init/%.c include/number.h FORCE
	@$(call made,CC,gcc -O1 -Iinclude -c -o $@ $<)
$(O)/vmlinux: $(objects) FORCE
	@$(call made,LD,for o in $(objects); do cat $$o; sleep 0.05; done > $@; echo of $@ > $(O)/System.map)
$(boot)/bzImage: $(O)/vmlinux FORCE
	@$(call made,OBJCOPY,cp $(O)/vmlinux $@)
FORCE:
.PHONY: FORCE bzImage modules allnoconfig olddefconfig
`

/** How many files there are to compile. */
const FILES = 8

/** A kernel tree that a real make and compiler turn into an image, within a second or two. */
export function compiledTree(path: string): string {
  smallTree(path)
  write(join(path, 'Makefile'), MAKEFILE)
  for (let file = 0; file < FILES; file++) write(join(path, `init/part${file}.c`), sourceOf(file))
  edit(path, 0)
  return path
}

/** Makes it another tree, all of which is to be compiled again. */
export function edit(tree: string, number: number): void {
  write(join(tree, 'include/number.h'), `#define NUMBER ${number}\n`)
}

function sourceOf(file: number): string {
  const functions = Array.from({ length: 40 }, (_, index) => {
    const name = `f${file}_${index}`
    return `int ${name}(int a, int b)\n{\n\tfor (int i = 0; i < a; i++)\n\t\tb = b * NUMBER + i % (a + ${index});\n\treturn b;\n}\n`
  })
  return `#include "number.h"\n${functions.join('')}`
}

/** The image that it makes when nobody disturbs. */
export function imageOf(tree: string, scratch: string): Buffer {
  mkdirSync(scratch, { recursive: true })
  execFileSync('make', ['-s', '-C', tree, `O=${scratch}`, 'olddefconfig', 'bzImage'], {
    stdio: 'ignore',
  })
  return readFileSync(join(scratch, 'arch/x86/boot/bzImage'))
}
