# PowerShell completion for matchlock: matchlock completion powershell | Out-String |
# Invoke-Expression, or put that line into your profile.

Register-ArgumentCompleter -Native -CommandName 'matchlock' -ScriptBlock {
	param($wordToComplete, $commandAst, $cursorPosition)

	$words = @($commandAst.CommandElements |
		Where-Object { $_.Extent.EndOffset -le $cursorPosition } |
		ForEach-Object { $_.Extent.Text })
	if ($wordToComplete -eq '') {
		# Windows PowerShell drops an empty argument, its quoted form survives.
		$words += if ($PSVersionTable.PSVersion -lt [version]'7.3') { '""' } else { '' }
	}
	$arguments = @($words | Select-Object -Skip 1)
	$lines = @(& $words[0] '@COMPLETE@' @arguments 2>$null)
	if ($lines.Count -eq 0) { return }

	$head = ''
	if ($wordToComplete -match '^(--[^=]*=)') { $head = $Matches[1] }
	$lines | Select-Object -SkipLast 1 | ForEach-Object {
		$value, $text = $_ -split "`t", 2
		if (-not $text) { $text = $value }
		[System.Management.Automation.CompletionResult]::new(
			"$head$value ", $value, 'ParameterValue', $text)
	}
}
