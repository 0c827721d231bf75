/** `timeout`, because a shell that waits for us takes no key: a database may be locked, a file system may hang. */
const ASK = 'timeout 2'

const BASH = `# klab's completion for bash: source <(klab completion bash)
_klab() {
	local IFS=$' \\t\\n' rest=\${COMP_LINE:0:COMP_POINT} trimmed word shell about index
	local -a words=() found=()
	# bash parts words at colons and equal signs too; what is between blanks is a word for klab.
	for ((index = 0; index <= COMP_CWORD; index++)); do
		word=\${COMP_WORDS[index]}
		trimmed=\${rest#"\${rest%%[![:blank:]]*}"}
		# Of the last word, what is before the cursor.
		((\${#word} <= \${#trimmed})) || word=$trimmed
		if ((index == 0)) || [[ $trimmed != "$rest" ]]; then words+=("$word"); else words[-1]+=$word; fi
		rest=\${trimmed#"$word"}
	done
	local klab=\${words[0]/#\\~\\//$HOME/} last=\${words[-1]} breaks= prefix=
	type -P -- "$klab" >/dev/null || klab=klab
	[[ $COMP_WORDBREAKS != *:* ]] || breaks+=:
	[[ $COMP_WORDBREAKS != *=* ]] || breaks+==
	# readline puts what it gets behind the last of them.
	[[ -z $breaks ]] || prefix=\${last%"\${last##*[$breaks]}"}
	COMPREPLY=()
	{
		read -r shell
		while IFS=$'\\t' read -r word about; do COMPREPLY+=("\${word#"$prefix"}"); done
	} < <(${ASK} "$klab" complete -- "\${words[@]:1}" 2>/dev/null)
	last=\${last#"$prefix"}
	case $shell in
	files) mapfile -t found < <(compgen -f -- "$last") ;;
	directories) mapfile -t found < <(compgen -d -- "$last") ;;
	commands) mapfile -t found < <(compgen -c -- "$last") ;;
	esac
	# Taken for files, all are quoted, and the colon of NAME: is not to be.
	if ((\${#COMPREPLY[@]} > 0 && \${#found[@]} > 0)); then
		mapfile -t found < <(printf '%q\\n' "\${found[@]}")
	elif [[ $shell == files || $shell == directories ]] && ((\${#found[@]} > 0)); then
		compopt -o filenames 2>/dev/null
	fi
	COMPREPLY+=("\${found[@]}")
	[[ \${#COMPREPLY[@]} != 1 || \${COMPREPLY[0]} != *[:=] ]] || compopt -o nospace 2>/dev/null
	return 0
}
complete -F _klab klab
`

const ZSH = `#compdef klab
# klab's completion for zsh: source <(klab completion zsh), or as _klab in a directory of $fpath
_klab() {
	local shell line word
	local -a lines closed open
	lines=("\${(@f)$(${ASK} "\${words[1]/#\\~\\//$HOME/}" complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
	shell=\${lines[1]}
	for line in "\${(@)lines[2,-1]}"; do
		word=\${line%%$'\\t'*}
		# A colon parts a word from what is said of it.
		word=\${word//:/\\\\:}:\${line#*$'\\t'}
		if [[ \${line%%$'\\t'*} == *[:=] ]]; then open+=("$word"); else closed+=("$word"); fi
	done
	(( ! $#closed )) || _describe klab closed
	(( ! $#open )) || _describe klab open -S ''
	case $shell in
	files) compset -P '*[:=]'; _files ;;
	directories) compset -P '*[:=]'; _files -/ ;;
	commands) _command_names -e ;;
	esac
}
if [[ \${funcstack[1]-} == _klab ]]; then _klab "$@"; else compdef _klab klab; fi
`

const FISH = `# klab's completion for fish: klab completion fish | source
function __klab_complete
	set -l words (commandline -opc)
	set -l last (commandline -ct)
	set -l lines (${ASK} $words[1] complete -- $words[2..-1] "$last" 2>/dev/null)
	for line in $lines[2..-1]
		printf '%s\\n' $line
	end
	switch "$lines[1]"
		case files
			__fish_complete_path "$last"
		case directories
			__fish_complete_directories "$last" ''
		case commands
			complete -C "$last"
	end
end
complete -c klab -f -a '(__klab_complete)'
`

/** The script of each shell. They know no command of klab: all they do is ask it. */
export const COMPLETION_SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const
